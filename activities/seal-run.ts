import { activityInfo } from '@temporalio/activity'
import { removeSegmentsBehind, writeSegment } from '../log/segments.ts'
import type { SessionLogs } from '../log/session-logs.ts'
import type { SealRunInput } from '../protocol/contract.ts'
import type { Blobs } from '../store/blobs.ts'
import { sessionOf } from './session-of.ts'

/** The activity `sealRun`: writes the run up to its own scheduling as a segment. Repeating it writes the same bytes. */
export function makeSealRun({ logs, blobs }: { logs: SessionLogs; blobs: Blobs }) {
  return async function sealRun({ run, final }: SealRunInput): Promise<void> {
    const session = sessionOf()
    const { activityId } = activityInfo()
    const { tail } = logs.get(session)
    const release = tail.hold()
    try {
      const view = await tail.catchUp()
      if (view.run !== run) throw new Error(`run ${run} is over`)
      const own = view.facts.findLastIndex((fact) => fact.kind === 'scheduled' && fact.activityId === activityId)
      if (own < 0) throw new Error(`the scheduling of ${activityId} is not in the history yet`)
      const facts = view.facts.slice(0, own)
      if (final) await removeSegmentsBehind(blobs, session, run)
      await writeSegment(blobs, { session, run, sealedAt: view.sealedAt!, ...(final && { final }), facts })
    } finally {
      release()
    }
  }
}
