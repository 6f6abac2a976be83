import type { Delivery } from '../protocol/contract.ts'
import type { UserEvent } from '../protocol/events.ts'

/** How many ids of keyed events a run hands on: a repetition that is older than these is taken for a new event. */
const remembered = 500

/** The user's events that were received and not yet processed, in order. */
export class Inbox {
  readonly waiting: UserEvent[]
  /** How many of the waiting events the sealed segment has; those behind were received later. */
  sealed: number | undefined
  readonly #recent: Set<string>

  constructor(waiting: UserEvent[] = [], recent: string[] = []) {
    this.waiting = [...waiting]
    this.#recent = new Set([...recent, ...waiting.map((event) => event.id)])
  }

  /** Takes a delivery; what came before with the same id is ignored. */
  receive({ events, keyed }: Delivery): void {
    for (const event of events) {
      if (this.#recent.has(event.id)) continue
      if (keyed) this.#recent.add(event.id)
      this.waiting.push(event)
    }
  }

  get hasMessage(): boolean {
    return this.waiting.some((event) => event.type === 'user.message')
  }

  get hasInterrupt(): boolean {
    return this.waiting.some((event) => event.type === 'user.interrupt')
  }

  /** Takes out the events that the test accepts, in order. */
  take(test: (event: UserEvent, index: number, waiting: UserEvent[]) => boolean): UserEvent[] {
    const taken = new Set(this.waiting.filter(test))
    this.waiting.splice(0, this.waiting.length, ...this.waiting.filter((event) => !taken.has(event)))
    return [...taken]
  }

  get recent(): string[] {
    return [...this.#recent].slice(-remembered)
  }
}
