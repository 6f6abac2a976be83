import { setTimeout as sleep } from 'node:timers/promises'
import { type Api, ApiRefusal } from './api.ts'
import type { SeenEvent } from './event-stream.ts'
import type { Moments } from './moments.ts'
import type { Random } from './random.ts'
import { Reader } from './reader.ts'
import type { Work } from './work.ts'

/** Events that the API took, and under which ids. */
export interface Accepted {
  key: string
  ids: string[]
  mark?: string
}

/** Longest time without any news in a session that has work: no command takes half as long, no outage either. */
const stuckMs = 60_000

/** A session and the customer who uses it: sends, answers, follows by two readers. */
export class SessionRun {
  readonly name: string
  readonly id: string
  readonly readers: Reader[]
  readonly accepted: Accepted[] = []
  /** What went wrong under the customer's eyes. */
  readonly complaints: { kind: 'stuck' | 'doubled' | 'lost'; text: string }[] = []
  readonly #api: Api
  readonly #random: Random
  readonly #moments: Moments
  readonly #calmSince: () => number
  readonly #processed = new Set<string>()
  readonly #answers = new Set<Promise<void>>()
  #status: SeenEvent | undefined
  #sent = 0

  constructor(parts: {
    name: string
    id: string
    api: Api
    random: Random
    moments: Moments
    /** Since when nothing has kept the product from working, milliseconds since the epoch. */
    calmSince: () => number
  }) {
    this.#calmSince = parts.calmSince
    this.name = parts.name
    this.id = parts.id
    this.#api = parts.api
    this.#random = parts.random
    this.#moments = parts.moments
    this.readers = ['one', 'two'].map((which) => new Reader(parts.api.url, parts.id, parts.random.fork(which)))
    this.readers[0]!.onEvent((event) => this.#see(event))
  }

  /** Whether it has work and waits for nobody. */
  get working(): boolean {
    return this.#status !== undefined && this.#status.type !== 'session.status_idle'
  }

  message(work: Work): Promise<void> {
    return this.#send([{ type: 'user.message', content: [{ type: 'text', text: work.text }] }], work.mark)
  }

  interrupt(): Promise<void> {
    return this.#send([{ type: 'user.interrupt' }])
  }

  /** Waits until everything that was accepted is processed and the session is idle. False when it is stuck. */
  async settled(): Promise<boolean> {
    const since = Date.now()
    for (;;) {
      await Promise.all(this.#answers)
      if (this.#isSettled()) return true
      const quietMs = Date.now() - Math.max(since, this.readers[0]!.lastAt ?? 0, this.#calmSince())
      if (quietMs > stuckMs) {
        const missing = this.accepted.flatMap(({ ids }) => ids).filter((id) => !this.#processed.has(id))
        this.complaints.push({
          kind: 'stuck',
          text: `no news for ${quietMs} ms; last status ${JSON.stringify(this.#status)}; not processed: ${missing.join(', ') || 'nothing'}; last event ${JSON.stringify(this.readers[0]!.items.at(-1))}`,
        })
        return false
      }
      await sleep(20)
    }
  }

  /** Waits until the session has ended. */
  async ended(): Promise<void> {
    for (const deadline = Date.now() + stuckMs; !this.readers[0]!.ended; await sleep(20)) {
      if (Date.now() < Math.max(deadline, this.#calmSince() + stuckMs)) continue
      this.complaints.push({ kind: 'stuck', text: 'archived, and not terminated' })
      return
    }
  }

  /** Waits until both readers have seen the event. */
  async seen(eventId: string): Promise<void> {
    for (const deadline = Date.now() + stuckMs; Date.now() < deadline; await sleep(20)) {
      if (this.readers.every(({ items }) => items.some(({ event }) => event.id === eventId && event.processed_at)))
        return
    }
  }

  async close(): Promise<void> {
    await Promise.all(this.readers.map((reader) => reader.close()))
  }

  #isSettled(): boolean {
    if (this.#status?.type !== 'session.status_idle') return false
    if ((this.#status.stop_reason as { type: string } | null)?.type === 'requires_action') return false
    return this.accepted.every(({ ids }) => ids.every((id) => this.#processed.has(id)))
  }

  #see(event: SeenEvent): void {
    if (event.processed_at) this.#processed.add(event.id)
    // It makes a turn, whose own events come right behind it: the idleness of before is over.
    if (event.type === 'user.message' && event.processed_at) this.#status = event
    if (event.type.startsWith('session.status_') && event.type !== 'session.status_rescheduled') this.#status = event
    if (event.type === 'agent.custom_tool_use') {
      const { mark } = event.input as { mark: string }
      const content = [{ type: 'text', text: `found ${mark}` }]
      this.#answer({ type: 'user.custom_tool_result', custom_tool_use_id: event.id, content })
    }
    if (event.type === 'agent.tool_use' && event.evaluated_permission === 'ask') {
      const result = this.#random.chance(0.75) ? 'allow' : 'deny'
      this.#answer({ type: 'user.tool_confirmation', tool_use_id: event.id, result })
    }
  }

  #answer(event: object): void {
    const sending = this.#send([event]).finally(() => this.#answers.delete(sending))
    this.#answers.add(sending)
  }

  /** Sends once for all: repeated until it is answered, and now and then once more. */
  async #send(events: object[], mark?: string): Promise<void> {
    const key = `${this.name}-${++this.#sent}`
    const repeats = this.#random.chance(0.3)
    const post = () => {
      this.#moments.tell('send', this.name)
      return this.#api.call<{ data: SeenEvent[] }>('POST', `/sessions/${this.id}/events`, { events }, key)
    }
    try {
      const ids = (await post()).data.map(({ id }) => id)
      this.accepted.push({ key, ids, ...(mark && { mark }) })
      if (!repeats) return
      const again = (await post()).data.map(({ id }) => id)
      if (again.join() !== ids.join())
        this.complaints.push({ kind: 'doubled', text: `key ${key} gave ${ids} and ${again}` })
    } catch (error) {
      // An answer for a call that an interrupt has closed meanwhile is refused, and rightly.
      if (error instanceof ApiRefusal && error.status === 400 && mark === undefined) return
      this.complaints.push({ kind: 'lost', text: `${JSON.stringify(events).slice(0, 200)}: ${error}` })
    }
  }
}
