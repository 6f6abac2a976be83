import { notFound } from '../protocol/errors.ts'
import type { SessionRecord } from '../store/records.ts'
import type { Runtime } from './runtime.ts'

/** @throws ApiError 404 for a session that is not there or was deleted */
export async function sessionRecord({ records }: Runtime, sessionId: string): Promise<SessionRecord> {
  const row = await records.sessions.get(sessionId)
  if (!row || row.deletedAt) throw notFound('session', sessionId)
  return row
}
