import type { Duration } from '@temporalio/common'
import { ActivityCancellationType, patched, scheduleActivity, workflowInfo } from '@temporalio/workflow'
import {
  type CallModelInput,
  type CompactInput,
  type Compaction,
  type ModelStep,
  type NotifyInput,
  names,
  type OpenToolUse,
  type RunToolInput,
  type SealRunInput,
  type ServedTool,
  type ServeToolInput,
  type ToolResult,
} from '../protocol/contract.ts'
import type { SessionState } from './session-state.ts'

/**
 * One attempt each: what a failure means is decided in the workflow, where the decision is history. An activity that is
 * cancelled may still return what it has.
 */
const oneAttempt = {
  retry: { maximumAttempts: 1 },
  cancellationType: ActivityCancellationType.WAIT_CANCELLATION_COMPLETED,
}

/** Asks the model once. `base` names the request and every event of its reply. */
export function callModel(state: SessionState, base: string): Promise<ModelStep> {
  const { modelTimeoutMs, heartbeatTimeoutMs } = state.settings
  const input: CallModelInput = {
    run: state.run,
    revision: state.revision,
    transcriptFrom: state.transcriptFrom,
    ...(state.host && { host: state.host }),
    ...(state.steps === 0 && { begins: true }),
    ...state.handouts.forRequest(base),
  }
  return noted(state, names.callModel, base, (activityId) =>
    scheduleActivity<ModelStep>(names.callModel, [input], {
      ...oneAttempt,
      activityId,
      startToCloseTimeout: modelTimeoutMs,
      heartbeatTimeout: heartbeatTimeoutMs,
    }),
  )
}

/** Asks the model for a summary of the conversation so far. `base` names the request and its events. */
export function compact(state: SessionState, base: string): Promise<Compaction> {
  const { modelTimeoutMs, heartbeatTimeoutMs } = state.settings
  const { run, revision, transcriptFrom } = state
  const input: CompactInput = { run, revision, transcriptFrom, ...state.handouts.forRequest(base) }
  return noted(state, names.compact, base, (activityId) =>
    scheduleActivity<Compaction>(names.compact, [input], {
      ...oneAttempt,
      activityId,
      startToCloseTimeout: modelTimeoutMs,
      heartbeatTimeout: heartbeatTimeoutMs,
    }),
  )
}

/** How many attempts of a call may have begun. */
export const mayHaveBegun = ({ attempts, unstarted = 0 }: OpenToolUse) => attempts - unstarted

/** Runs a tool on the session's host. The ledger there sees to it that repeated attempts do not run it twice. */
export function runTool(state: SessionState, tool: OpenToolUse): Promise<ToolResult> {
  const { toolTimeoutMs, heartbeatTimeoutMs } = state.settings
  const { id, name, mcpServer, kind, input, attempts } = tool
  const { revision } = state
  const call: RunToolInput = {
    toolUseId: id,
    name,
    ...(mcpServer !== undefined && { mcpServer }),
    kind,
    input,
    revision,
    attempt: mayHaveBegun(tool),
    beside: state.tools.filter((other) => other !== tool && other.state === 'run').map((other) => other.id),
  }
  return noted(state, names.runTool, attempts === 1 ? id : `${id}.${attempts}`, (activityId) =>
    scheduleActivity<ToolResult>(names.runTool, [call], {
      ...oneAttempt,
      ...onHost(state),
      activityId,
      startToCloseTimeout: toolTimeoutMs,
      heartbeatTimeout: heartbeatTimeoutMs,
    }),
  )
}

/** Has a worker of the user's run a call of its custom tool. Repeated only where the tool's author allows it. */
export function serveTool(state: SessionState, tool: OpenToolUse, served: ServedTool): Promise<ToolResult> {
  const { id, name, input } = tool
  const { taskQueue, timeoutMs, pickUpMs, attempts } = served
  const call: ServeToolInput = { sessionId: state.id, toolUseId: id, name, input, attempts }
  return noted(state, names.serveTool, id, (activityId) =>
    scheduleActivity<ToolResult>(names.serveTool, [call], {
      retry: { maximumAttempts: attempts, initialInterval: '200ms', maximumInterval: '30s' },
      cancellationType: ActivityCancellationType.WAIT_CANCELLATION_COMPLETED,
      taskQueue,
      activityId,
      startToCloseTimeout: timeoutMs,
      scheduleToStartTimeout: pickUpMs,
      heartbeatTimeout: state.settings.heartbeatTimeoutMs,
    }),
  )
}

/** An activity whose result is part of the next prompt. An interrupt stops it while it is open. */
function noted<T>(state: SessionState, activity: string, id: string, schedule: (id: string) => Promise<T>): Promise<T> {
  const result = schedule(id)
  state.handouts.noteResult(activity, id, result)
  state.open.add(id)
  const settled = () => void state.open.delete(id)
  result.then(settled, settled)
  return result
}

/** Writes the run so far as a segment; tried until it is written, or for as long as the patience lasts. */
export function sealRun(input: SealRunInput, patience?: Duration): Promise<void> {
  return scheduleActivity<void>(names.sealRun, [input], {
    ...(patience && { scheduleToCloseTimeout: patience }),
    startToCloseTimeout: '1 minute',
    retry: { initialInterval: '100ms', maximumInterval: '10s' },
  })
}

/** Signals a workflow that waits for the session; tried until it is told or cannot be, however long nobody can work. */
export function notify(input: NotifyInput): Promise<void> {
  return scheduleActivity<void>(names.notify, [input], {
    startToCloseTimeout: '10s',
    retry: { initialInterval: '200ms', maximumInterval: '10s' },
  })
}

/** Has the container's host take what the agent left, when nobody else has. A host that is away is not waited for. */
export async function captureOutputs(state: SessionState, { elsewhere }: { elsewhere?: true }): Promise<void> {
  if (!elsewhere || !state.host) return
  // A worker of the version before may have gone on without it, with the same result of the request before it.
  if (!patched('outputs are captured elsewhere')) return
  await scheduleActivity<void>(names.captureOutputs, [], {
    taskQueue: state.host,
    startToCloseTimeout: '20s',
    scheduleToStartTimeout: '5s',
    scheduleToCloseTimeout: '30s',
    retry: { maximumAttempts: 3, initialInterval: '200ms' },
  }).catch(() => {})
}

/** Ends the session's container; its host may be away for good, so this does not wait long. */
export async function closeContainer(state: SessionState): Promise<void> {
  if (!state.host) return
  await scheduleActivity<void>(names.closeContainer, [], {
    ...onHost(state),
    startToCloseTimeout: '20s',
    scheduleToCloseTimeout: '30s',
  }).catch(() => {})
}

/** How long a host may take to pick up its work before it counts as lost. */
const hostPatience = '1 minute'

function onHost(state: SessionState) {
  const shared = workflowInfo().taskQueue
  // With one host its queue is the shared one: no other host could take over, so the call waits for it to come back.
  return !state.host || state.host === shared ? {} : { taskQueue: state.host, scheduleToStartTimeout: hostPatience }
}
