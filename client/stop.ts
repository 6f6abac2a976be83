import type { SessionLog } from '../log/session-log.ts'
import { accept } from './accept.ts'
import type { Holdfast } from './holdfast.ts'
import { sessionRecord } from './session-record.ts'
import { standing } from './standing.ts'

/**
 * Brings a session to rest: what it does, and what it was sent and has not begun with. One interrupt is not enough for
 * that: when it comes before the message that it is meant for has begun, it finds nothing to stop.
 * @param key the same key stops once, however often a crashed caller repeats it
 */
export async function stop(holdfast: Holdfast, sessionId: string, key: string, signal: AbortSignal): Promise<void> {
  const log = holdfast.runtime.logs.get(sessionId)
  // At the end of its budget nothing runs, and no interrupt is taken.
  const initial = standing(await log.newest())
  if (initial?.status === 'terminated' || initial?.stopReason?.type === 'budget_reached') return
  for (let count = 1; ; count++) {
    const row = await sessionRecord(holdfast.runtime, sessionId)
    const interrupt = { events: [{ type: 'user.interrupt' as const }] }
    const { events, recorded } = await accept(holdfast.runtime, row, interrupt, { idempotencyKey: `${key}/${count}` })
    // It has reached the end of its budget meanwhile.
    if (!recorded) return
    await processed(log, events[0]!.id, signal)
    // Judged behind an interrupt only: what came before it is in the log then, which lags behind what was accepted.
    if (await isAtRest(log)) return
  }
}

async function isAtRest(log: SessionLog): Promise<boolean> {
  const view = await log.newest()
  const idle = standing(view)
  return idle !== undefined && (idle.status === 'terminated' || view.waiting.length === 0)
}

/** Resolves when the session has dealt with an event, or has ended. */
async function processed(log: SessionLog, eventId: string, signal: AbortSignal): Promise<void> {
  const done = new AbortController()
  const items = await log.follow({ signal: AbortSignal.any([signal, done.signal]) })
  try {
    if ((await log.processedOf([eventId])).has(eventId)) return
    for await (const { event, received } of items) if (!received && event.id === eventId) return
    signal.throwIfAborted()
  } finally {
    done.abort()
  }
}
