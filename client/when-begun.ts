import { setTimeout as wait } from 'node:timers/promises'
import { SessionGone } from '../log/session-log.ts'
import { notFound } from '../protocol/errors.ts'
import type { Runtime } from './runtime.ts'

/** How long a creation may be between its row and its workflow; what is older was never begun. */
const patienceMs = 10_000

/**
 * Reads the log of a session that others may be creating at this moment: its row is there before its workflow is.
 * @throws ApiError 404 when there is no such session, or its log is gone
 */
export async function whenBegun<Result>(
  { records }: Pick<Runtime, 'records'>,
  sessionId: string,
  read: () => Promise<Result>,
): Promise<Result> {
  for (;;) {
    try {
      return await read()
    } catch (error) {
      if (!(error instanceof SessionGone)) throw error
      const row = await records.sessions.get(sessionId)
      if (!row || row.deletedAt || row.archivedAt || Date.now() - Date.parse(row.createdAt) > patienceMs) {
        throw notFound('session', sessionId, { cause: error })
      }
      await wait(50)
    }
  }
}
