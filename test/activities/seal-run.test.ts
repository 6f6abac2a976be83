import { activityInfo } from '@temporalio/activity'
import { MockActivityEnvironment } from '@temporalio/testing'
import { describe, expect, it } from 'vitest'
import { makeSealRun } from '../../activities/seal-run.ts'
import { viewOf } from '../../log/run-view.ts'
import { writeSegment } from '../../log/segments.ts'
import type { SessionLogs } from '../../log/session-logs.ts'
import type { SealRunInput, SessionMemo } from '../../protocol/contract.ts'
import { memoryBlobs } from '../log/memory-blobs.ts'
import { fact, time } from '../log/samples.ts'

const blobs = memoryBlobs()

/** Seals run 1 of the session, which has a segment of run 2 from before it was reset. */
async function seal(final?: SealRunInput['final']): Promise<string[]> {
  await new MockActivityEnvironment().run(async () => {
    const { activityId, workflowExecution } = activityInfo()
    const session = workflowExecution!.workflowId
    await writeSegment(blobs, { session, run: 2, sealedAt: 1, facts: [] })
    const scheduled = { kind: 'scheduled' as const, id: 2, at: time(2), activity: 'sealRun', activityId }
    const view = viewOf(1, [fact.started(1, { run: 1 }), scheduled])
    const tail = { hold: () => () => {}, catchUp: async () => view }
    const logs = { get: () => ({ tail }) } as unknown as SessionLogs
    await makeSealRun({ logs, blobs })({ run: 1, ...(final && { final }) })
  })
  return [...blobs.content.keys()].map((key) => key.split('/').at(-1)!).sort()
}

describe('the segment of a run', () => {
  it('leaves later ones alone, unless it is the last one of the session', async () => {
    expect(await seal()).toEqual(['00000001', '00000002'])
    expect(await seal({ status: 'terminated' } as SessionMemo)).toEqual(['00000001'])
  })
})
