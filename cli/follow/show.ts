import type { ApiClient } from '../api-client.ts'
import { type ExitCode, exitCodes } from '../exit-codes.ts'
import { interruption } from '../interruption.ts'
import { exitCodeOf, Settled } from './settled.ts'
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
  const items = follow(api, sessionId, {
    ...(after !== undefined && { after }),
    ...(patienceMs !== undefined && { patienceMs }),
    previews: sink.wantsPreviews,
    onBreak: () => sink.broke(),
  })
  return show(items, sink, { untilIdle })
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
  return show(behindSent(), sink, { untilIdle: true, sent: () => sent ?? [] })
}

async function show(
  items: AsyncIterable<Followed | 'open'>,
  sink: Sink,
  { untilIdle, sent = () => [] }: { untilIdle: boolean; sent?: () => string[] },
): Promise<ExitCode> {
  let settled: Settled | undefined
  try {
    for await (const item of items) {
      if (item === 'open') {
        settled ??= new Settled(sent())
        continue
      }
      // Those that were sent come twice: as they were received, and where they are processed.
      const { event } = item
      if (!('processed_at' in event && event.processed_at === null)) sink.see(item)
      const outcome = settled?.see(event)
      if (!outcome || !(untilIdle || outcome.status !== 'idle')) continue
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
