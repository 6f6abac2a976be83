import { setTimeout as sleep } from 'node:timers/promises'
import { readStream, type SeenEvent, type StreamItem } from './event-stream.ts'
import type { Random } from './random.ts'

/** Follows a session by its stream, and loses the connection again and again, by chance and by what is killed. */
export class Reader {
  readonly items: StreamItem[] = []
  /** Connections that it has had. */
  connections = 0
  readonly #stop = new AbortController()
  readonly #url: string
  readonly #random: Random
  readonly #listeners = new Set<(event: SeenEvent) => void>()
  #ended = false
  readonly #following: Promise<void>

  constructor(apiUrl: string, sessionId: string, random: Random) {
    this.#url = `${apiUrl}/v1/sessions/${sessionId}/events/stream?beta=true`
    this.#random = random
    this.#following = this.#follow()
  }

  onEvent(listener: (event: SeenEvent) => void): void {
    this.#listeners.add(listener)
  }

  get lastAt(): number | undefined {
    return this.items.at(-1)?.at
  }

  /** The session has ended, and nothing more comes. */
  get ended(): boolean {
    return this.#ended
  }

  async close(): Promise<void> {
    this.#stop.abort()
    await this.#following
  }

  async #follow(): Promise<void> {
    while (!this.#stop.signal.aborted && !this.#ended) {
      await this.#connect().catch(() => {})
      await sleep(50)
    }
  }

  /** One connection; it is dropped after some events, when the session goes on longer. */
  async #connect(): Promise<void> {
    let left = this.#random.between(5, 60)
    const drop = new AbortController()
    const signal = AbortSignal.any([this.#stop.signal, drop.signal])
    // From before the first event: without a place a stream begins with what comes next.
    const headers = { 'last-event-id': this.items.at(-1)?.cursor ?? '0.0.0', 'x-api-key': 'none' }
    const response = await fetch(this.#url, { headers, signal })
    if (!response.ok || !response.body) {
      await response.body?.cancel()
      return
    }
    this.connections++
    for await (const item of readStream(response.body)) {
      this.items.push(item)
      for (const listener of this.#listeners) listener(item.event)
      if (item.event.type === 'session.status_terminated') this.#ended = true
      if (--left === 0) return drop.abort()
    }
  }
}
