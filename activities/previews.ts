import type { Bus } from '../log/bus.ts'
import { stepEvent } from '../protocol/ids.ts'
import type { ModelDelta } from './model/provider.ts'

/** Turns a reply's deltas into previews of the events that the log will show. Source: spec §8.4. */
export class Previews {
  readonly #bus: Bus
  readonly #sessionId: string
  readonly #base: string
  /** The message that text blocks go to: neighbouring ones share an event. */
  #message: { id: string; firstBlock: number; lastBlock: number } | undefined

  constructor(bus: Bus, sessionId: string, base: string) {
    this.#bus = bus
    this.#sessionId = sessionId
    this.#base = base
  }

  take(delta: ModelDelta): void {
    if (delta.type === 'block_start') this.#begin(delta.index, delta.block)
    else this.#text(delta.index, delta.text)
  }

  #begin(index: number, block: string): void {
    const id = stepEvent.block(this.#base, index)
    if (block === 'thinking' || block === 'redacted_thinking') {
      this.#bus.publish(this.#sessionId, { type: 'event_start', event: { type: 'agent.thinking', id } })
    }
    if (block !== 'text') return
    if (this.#message?.lastBlock === index - 1) {
      this.#message.lastBlock = index
    } else {
      this.#message = { id, firstBlock: index, lastBlock: index }
      this.#bus.publish(this.#sessionId, { type: 'event_start', event: { type: 'agent.message', id } })
    }
  }

  #text(index: number, text: string): void {
    if (!this.#message || text === '') return
    this.#bus.publish(this.#sessionId, {
      type: 'event_delta',
      event_id: this.#message.id,
      delta: { type: 'content_delta', index: index - this.#message.firstBlock, content: { type: 'text', text } },
    })
  }
}
