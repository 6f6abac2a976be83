import { type Cursor, compareCursors, parseCursor } from '../../log/cursor.ts'
import type { ApiClient } from '../api-client.ts'
import { type ExitCode, exitCodes } from '../exit-codes.ts'
import { interruption } from '../interruption.ts'
import { NothingToDo } from './nothing-to-do.ts'
import { type Ending, endOf, exitCodeOf, type Outcome, Settled } from './settled.ts'
import type { Sink } from './sinks.ts'
import { beginning, type Followed, follow } from './stream.ts'

export interface ShowOptions {
  /** Cursor behind which to begin. */
  after?: string
  /** How long a lost server is waited for, milliseconds. */
  patienceMs?: number
  /** Stop when the session has nothing to do, with the exit code that fits. */
  untilIdle?: boolean
}

/** Shows a session: what is behind the cursor, then what comes. */
export function showSession(
  api: ApiClient,
  sessionId: string,
  sink: Sink,
  { after, untilIdle = false, patienceMs }: ShowOptions = {},
): Promise<ExitCode> {
  // Whether there is anything behind the cursor shows only to who knows what stands before it: all is read.
  const from = untilIdle && after !== undefined ? beginning : after
  const items = follow(api, sessionId, {
    ...(from !== undefined && { after: from }),
    ...(patienceMs !== undefined && { patienceMs }),
    previews: sink.wantsPreviews,
    onBreak: () => sink.broke(),
  })
  const ending = untilIdle ? new NothingToDo(api.client, sessionId, { fromNow: after === undefined }) : { see: endOf }
  return show(items, from === after ? sink : new Behind(after!, sink), { untilIdle, ending })
}

/** Shows what is behind a cursor. */
class Behind implements Sink {
  readonly wantsPreviews: boolean
  readonly #after: Cursor
  readonly #sink: Sink

  constructor(after: string, sink: Sink) {
    this.wantsPreviews = sink.wantsPreviews
    this.#after = parseCursor(after)!
    this.#sink = sink
  }

  see(followed: Followed): void {
    const { cursor } = followed
    if (cursor === undefined || compareCursors(parseCursor(cursor)!, this.#after) > 0) this.#sink.see(followed)
  }

  broke(): void {
    this.#sink.broke()
  }

  end(outcome?: Outcome): void {
    this.#sink.end(outcome)
  }
}

/**
 * Sends, and shows the session from there until it has nothing to do.
 * @param send gives the ids of the events that were sent
 */
export async function sendAndShow(
  api: ApiClient,
  sessionId: string,
  sink: Sink,
  send: () => Promise<string[]>,
): Promise<ExitCode> {
  // A connection that breaks before anything came has no place to go on from: then everything is read again.
  const items = follow(api, sessionId, {
    fallback: beginning,
    previews: sink.wantsPreviews,
    onBreak: () => sink.broke(),
  })
  let sent: string[] | undefined
  async function* behindSent() {
    let isBehind = false
    for await (const item of items) {
      if (item === 'open') {
        // Only now: nothing that follows from it can be missed.
        sent ??= await send()
        yield item
      } else {
        isBehind ||= 'id' in item.event && sent!.includes(item.event.id as string)
        if (isBehind) yield item
      }
    }
  }
  return show(behindSent(), sink, { untilIdle: true, ending: new Settled(() => sent ?? []) })
}

async function show(
  items: AsyncIterable<Followed | 'open'>,
  sink: Sink,
  { untilIdle, ending }: { untilIdle: boolean; ending: Ending },
): Promise<ExitCode> {
  try {
    for await (const item of items) {
      // Those that were sent come twice: as they were received, and where they are processed.
      if (item !== 'open' && !('processed_at' in item.event && item.event.processed_at === null)) sink.see(item)
      const outcome = await (item === 'open' ? ending.opened?.() : ending.see(item.event))
      if (!outcome) continue
      sink.end(outcome)
      return untilIdle ? exitCodeOf(outcome) : exitCodes.ok
    }
  } catch (error) {
    if (interruption().aborted) sink.end()
    throw error
  }
  sink.end({ status: 'terminated', stop_reason: null })
  return untilIdle ? exitCodes.sessionFailed : exitCodes.ok
}
