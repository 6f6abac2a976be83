import proto from '@temporalio/proto'

/**
 * Has the code made that reads and writes what a session's turn consists of. Protobuf makes it for each type when the
 * first message of that type comes, which would fall on the first turn of a process.
 */
export function warmUp(): void {
  try {
    passThrough()
  } catch (error) {
    // Some of it is not public: another version may be without.
    console.error('warm-up:', error)
  }
}

function passThrough(): void {
  const { coresdk, temporal } = proto
  const { GetWorkflowExecutionHistoryResponse } = temporal.api.workflowservice.v1
  const response = GetWorkflowExecutionHistoryResponse.fromObject({ history: { events } })
  GetWorkflowExecutionHistoryResponse.decode(GetWorkflowExecutionHistoryResponse.encode(response).finish())

  const { WorkflowActivation } = coresdk.workflow_activation
  const activation = WorkflowActivation.fromObject({ runId: 'run', timestamp, jobs })
  WorkflowActivation.toObject(WorkflowActivation.decode(WorkflowActivation.encode(activation).finish()))

  const { WorkflowActivationCompletion } = coresdk.workflow_completion
  const completion = WorkflowActivationCompletion.fromObject({ runId: 'run', successful: { commands } })
  WorkflowActivationCompletion.encodeDelimited(completion).finish()
}

const timestamp = { seconds: 1, nanos: 1 }
const duration = timestamp
const payload = { metadata: { encoding: new Uint8Array(1) }, data: new Uint8Array(1) }
const payloads = { payloads: [payload] }
const memo = { fields: { state: payload } }
const activityType = { name: 'a' }

const events = [
  { workflowExecutionStartedEventAttributes: { workflowType: { name: 'w' }, input: payloads, memo } },
  { workflowExecutionSignaledEventAttributes: { signalName: 's', input: payloads } },
  { workflowTaskScheduledEventAttributes: { taskQueue: { name: 'q' }, startToCloseTimeout: duration } },
  { workflowTaskStartedEventAttributes: { identity: 'i' } },
  {
    workflowTaskCompletedEventAttributes: { identity: 'i', sdkMetadata: { langUsedFlags: [1] }, meteringMetadata: {} },
  },
  { workflowPropertiesModifiedEventAttributes: { upsertedMemo: memo } },
  {
    activityTaskScheduledEventAttributes: { activityType, taskQueue: { name: 'q' }, input: payloads, retryPolicy: {} },
  },
  { activityTaskStartedEventAttributes: { identity: 'i' } },
  { activityTaskCompletedEventAttributes: { result: payloads } },
].map((attributes) => ({ eventId: 1, eventTime: timestamp, ...attributes }))

const jobs = [
  { initializeWorkflow: { workflowType: 'w', arguments: [payload], memo, startTime: timestamp } },
  { updateRandomSeed: { randomnessSeed: 1 } },
  { signalWorkflow: { signalName: 's', input: [payload] } },
  { resolveActivity: { seq: 1, result: { completed: { result: payload } } } },
]

const commands = [
  { modifyWorkflowProperties: { upsertedMemo: memo } },
  {
    scheduleActivity: {
      seq: 1,
      activityId: 'a',
      arguments: [payload],
      startToCloseTimeout: duration,
      heartbeatTimeout: duration,
      retryPolicy: { initialInterval: duration },
    },
  },
]
