import type Anthropic from '@anthropic-ai/sdk'
import { type Ending, endOf, type Outcome } from './settled.ts'
import { isRefusal, type StreamedEvent } from './stream.ts'

/**
 * Watches a session until it has nothing to do now. Where that is the log alone knows: most of the idles that are read are
 * history, so its end is looked at, and what stands there counts once it was read.
 */
export class NothingToDo implements Ending {
  readonly #client: Anthropic
  readonly #sessionId: string
  /** The newest event when it was looked; before it everything is history. */
  #newest: string | undefined
  #last: string | undefined
  #isReached = false
  readonly #fromNow: boolean

  /** @param options.fromNow what is read begins there, not at the beginning */
  constructor(client: Anthropic, sessionId: string, { fromNow }: { fromNow: boolean }) {
    this.#client = client
    this.#sessionId = sessionId
    this.#fromNow = fromNow
  }

  /** Each time when the connection is made. */
  opened(): Promise<Outcome | undefined> {
    return this.#look()
  }

  async see(event: StreamedEvent): Promise<Outcome | undefined> {
    const ended = endOf(event)
    if (ended || !('processed_at' in event) || event.processed_at === null) return ended
    this.#last = event.id
    if (this.#isReached ? mayBeLast(event) : event.id === this.#newest) return this.#look()
    return undefined
  }

  async #look(): Promise<Outcome | undefined> {
    try {
      const { newest, outcome } = await endOfLog(this.#client, this.#sessionId)
      this.#newest = newest
      this.#isReached = newest === this.#last || (this.#fromNow && this.#last === undefined)
      return this.#isReached ? outcome : undefined
    } catch (error) {
      if (isRefusal(error)) throw error
      // The connection breaks as well: it is looked again when it is made again.
      return undefined
    }
  }
}

/** Behind which a session may stand still: an idle, or what was taken down without a turn of its own. */
const mayBeLast = ({ type }: StreamedEvent) =>
  type === 'session.status_idle' || type.startsWith('user.') || type === 'system.message'

/** What has a session that stands at its budget, or waits for answers, go on with nothing. */
const messages = ['user.message', 'system.message']

/** The newest event that is not waiting, and the outcome when the session has nothing to do there. */
async function endOfLog(client: Anthropic, sessionId: string): Promise<{ newest?: string; outcome?: Outcome }> {
  const waiting: string[] = []
  let newest: string | undefined
  for await (const event of client.beta.sessions.events.list(sessionId, { order: 'desc', limit: 100 })) {
    if (!('processed_at' in event) || event.processed_at == null) {
      waiting.push(event.type)
      continue
    }
    newest ??= event.id
    if (event.type === 'session.status_idle') {
      const { stop_reason } = event
      const isPaused = stop_reason.type === 'requires_action' || stop_reason.type === 'budget_reached'
      const isStill = waiting.every((type) => isPaused && messages.includes(type))
      return { newest, ...(isStill && { outcome: { status: 'idle', stop_reason } }) }
    }
    // Those that have ended say so themselves.
    if (event.type.startsWith('session.status_')) return { newest }
  }
  return {
    ...(newest !== undefined && { newest }),
    ...(waiting.length === 0 && { outcome: { status: 'idle', stop_reason: null } }),
  }
}
