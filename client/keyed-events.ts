import { isDeepStrictEqual } from 'node:util'
import type { RunView } from '../log/run-view.ts'
import { SessionGone, type SessionLog } from '../log/session-log.ts'
import { conflict } from '../protocol/errors.ts'
import type { UserEvent } from '../protocol/events.ts'
import { HoldfastClosed } from './closed.ts'
import { keyedId } from './received-events.ts'

/** Runs that are looked through for what no session knows by its key. A client repeats a request within minutes. */
const runsOfMinutes = 20

/**
 * The events that a log has under a key, as it has them; undefined when it has none.
 * @param isUntold the session was not told that they have a key, so it does not know them by their ids
 * @throws ApiError 409 when these are others
 */
export async function sentUnder(
  log: SessionLog,
  key: string,
  sent: UserEvent[],
  isUntold = false,
): Promise<UserEvent[] | undefined> {
  const first = keyedId(key, 0)
  const newest = await log.newest().catch((error) => {
    if (!(error instanceof SessionGone)) throw error
  })
  if (!newest || !(isUntold || knows(newest, first))) return undefined
  // Of one more than were sent there must be nothing.
  const ids = new Set(Array.from({ length: sent.length + 1 }, (_, index) => keyedId(key, index)))
  const stored = new Map<string, UserEvent>()
  for await (const view of backFrom(log, newest)) {
    const { inbox = [], lateFrom = 0 } = view.started?.input.carried ?? {}
    const eventsOf = (received: boolean) =>
      view.items.filter((item) => item.received === received).map(({ event }) => event as UserEvent)
    // What came behind the seal of the run before stands in no segment.
    const received = [...eventsOf(true), ...inbox.slice(lateFrom)]
    for (const event of [...eventsOf(false), ...received]) {
      if (ids.has(event.id) && !stored.has(event.id)) stored.set(event.id, event)
    }
    if (received.some(({ id }) => id === first)) break
    if (isUntold && view.run <= newest.run - runsOfMinutes) break
  }
  if (isUntold && stored.size === 0) return undefined
  const events = sent.map(({ id }) => stored.get(id))
  const isSame = stored.size === sent.length && isDeepStrictEqual(events.map(contentOf), sent.map(contentOf))
  if (!isSame) {
    throw conflict(`idempotency-key: session ${log.id} was sent other events with this key`, {
      code: 'idempotency_key_reused',
    })
  }
  return events as UserEvent[]
}

/**
 * Waits until a log shows what Temporal has taken under a key: what comes while a workflow task is on its way is in the
 * history when that ends. False when the session ended first.
 */
export async function appeared(log: SessionLog, key: string): Promise<boolean> {
  const first = keyedId(key, 0)
  const { tail } = log
  const release = tail.hold()
  try {
    let view = await tail.catchUp()
    while (!knows(view, first)) {
      if (view.next) view = view.next
      else if (tail.ended) throw new HoldfastClosed(log.id)
      else if (tail.gone) return false
      else if (!view.closed) await view.changed()
      else if (tail.current === view) return false
      // An operator has reset it.
      else view = await tail.catchUp()
    }
    return true
  } finally {
    release()
  }
}

/** Whether the session has an event, or had it among the newest with a key. A run has all that it knows repetitions by. */
function knows(view: RunView, id: string): boolean {
  const { inbox = [], recent = [] } = view.started?.input.carried ?? {}
  return (
    recent.includes(id) || inbox.some((event) => event.id === id) || view.items.some(({ event }) => event.id === id)
  )
}

async function* backFrom(log: SessionLog, newest: RunView): AsyncGenerator<RunView, void> {
  yield newest
  for (let run = newest.run - 1; run >= 0; run--) yield* log.sealedFacts(run, run + 1)
}

/** What an event says, in the form that it has in a history. */
function contentOf(event: UserEvent | undefined): unknown {
  if (!event) return undefined
  const { id: _id, processed_at: _at, ...content } = event
  // The version before kept what clients say of threads.
  if ('session_thread_id' in content && event.type !== 'user.interrupt') delete content.session_thread_id
  return JSON.parse(JSON.stringify(content))
}
