import type { PayloadCodec } from '@temporalio/common'
import proto from '@temporalio/proto'
import { describe, expect, it } from 'vitest'
import { HistoryDecoder } from '../../log/decoder.ts'

const { WorkflowTaskFailedCause } = proto.temporal.api.enums.v1
const codec: PayloadCodec = { encode: async (payloads) => payloads, decode: async (payloads) => payloads }

/** The fact of a workflow task that failed for this cause. */
const failedFor = (cause: proto.temporal.api.enums.v1.WorkflowTaskFailedCause) =>
  new HistoryDecoder(codec).decode({
    eventId: 4 as never,
    eventTime: { seconds: 1 as never, nanos: 0 },
    workflowTaskFailedEventAttributes: { cause, failure: { message: 'a bug' } },
  })

describe('a workflow task that failed', () => {
  it('says that the session is stuck when its code threw', async () => {
    const cause = WorkflowTaskFailedCause.WORKFLOW_TASK_FAILED_CAUSE_WORKFLOW_WORKER_UNHANDLED_FAILURE
    expect(await failedFor(cause)).toMatchObject({ kind: 'stuck', message: 'a bug' })
  })

  it('says nothing when only a signal came meanwhile, or the session was deleted while it ran', async () => {
    expect(await failedFor(WorkflowTaskFailedCause.WORKFLOW_TASK_FAILED_CAUSE_UNHANDLED_COMMAND)).toBeUndefined()
    expect(await failedFor(WorkflowTaskFailedCause.WORKFLOW_TASK_FAILED_CAUSE_FORCE_CLOSE_COMMAND)).toBeUndefined()
  })
})

describe('the time of a fact', () => {
  it('is the millisecond that the event lies in, also at its end', async () => {
    const fact = await new HistoryDecoder(codec).decode({
      eventId: 4 as never,
      eventTime: { seconds: 1_764_000_000 as never, nanos: 662_999_999 },
      workflowExecutionCompletedEventAttributes: {},
    })
    expect(fact).toMatchObject({ kind: 'closed', at: '2025-11-24T16:00:00.662Z' })
  })
})
