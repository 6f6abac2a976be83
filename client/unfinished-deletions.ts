import type { Runtime } from './runtime.ts'
import { SessionWorkflow, startErase } from './session-workflow.ts'

/** Who has marked a session needs no longer than this to begin with its erasure. */
const graceMs = 60_000
const atOnce = 100

/**
 * Begins to erase the sessions that are marked as deleted and that nobody erases: whose creation failed because Temporal
 * could not be reached. May be repeated at any point: an erasure that is under way just goes on.
 */
export async function finishDeletions(runtime: Runtime, now = Date.now()): Promise<void> {
  const { sessions } = runtime.records
  const before = new Date(now - graceMs).toISOString()
  for (let after: string | undefined; ; ) {
    const ids = await sessions.deletedBefore(before, { limit: atOnce, ...(after && { after }) })
    for (const sessionId of ids) {
      // A start that seemed to fail may have succeeded.
      const state = await new SessionWorkflow(runtime, sessionId).state()
      await startErase(runtime, { sessionId, ...(state?.host && { host: state.host }) })
    }
    after = ids.at(-1)
    if (ids.length < atOnce) return
  }
}
