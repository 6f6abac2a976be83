import { isDeepStrictEqual } from 'node:util'
import { isCompletion } from '../log/facts.ts'
import { readSegment, removeSegmentsBehind, SegmentDamaged, writeSegment } from '../log/segments.ts'
import type { SessionMemo } from '../protocol/contract.ts'
import type { Runtime } from './runtime.ts'

/**
 * Keeps the log of a session whose workflow was ended from outside: it could not seal itself, and Temporal forgets it
 * after the retention. Done by whoever first looks at it; to do it again changes nothing.
 */
export async function keepEnded({ logs, blobs }: Runtime, sessionId: string, final: SessionMemo): Promise<void> {
  const { run, facts, lastId, closed } = await logs.get(sessionId).newest()
  if (!closed) return
  // A segment may be there from a roll over that was cut off: it lacks the end.
  const sealed = await readSegment(blobs, sessionId, run).catch((error) => {
    if (!(error instanceof SegmentDamaged)) throw error
  })
  const end = facts.at(-1)
  // It may be of an end before this one: a session that was ended and then reset goes on, until it is ended again.
  if (sealed?.final && (isCompletion(end) || isDeepStrictEqual(sealed.facts.at(-1), end))) return
  await removeSegmentsBehind(blobs, sessionId, run)
  await writeSegment(blobs, { session: sessionId, run, sealedAt: lastId, final, facts })
}
