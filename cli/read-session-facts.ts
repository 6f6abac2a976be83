import type { Connection } from '@temporalio/client'
import { defaultPayloadConverter } from '@temporalio/common'
import proto, { type temporal } from '@temporalio/proto'
import { millisOf } from '../log/history-numbers.ts'
import type { HoldfastCodec } from '../log/payload-codec.ts'
import { isNotFound } from '../log/tail.ts'
import { names, type SessionMemo } from '../protocol/contract.ts'
import type { SessionFacts } from './session-health.ts'

const { WorkflowExecutionStatus, PendingActivityState, WorkflowTaskFailedCause, TaskQueueType } =
  proto.temporal.api.enums.v1

export interface FactsSource {
  connection: Connection
  namespace: string
  codec: HoldfastCodec
}

/** Events looked at from the end of a history. */
const recentEvents = 50

/** Ids of the sessions that Temporal has: those whose workflow runs, or ended as none should, or all. */
export async function* sessionIds(
  { connection, namespace }: FactsSource,
  which: 'open' | 'all',
): AsyncGenerator<string, void> {
  const statuses = ['Running', 'Terminated', 'Failed', 'Canceled', 'TimedOut']
  if (which === 'all') statuses.push('Completed')
  const query = `WorkflowType = '${names.workflow}' AND ExecutionStatus IN (${statuses.map((name) => `'${name}'`).join(', ')})`
  for (let nextPageToken: Uint8Array | undefined; ; ) {
    const page = await connection.workflowService.listWorkflowExecutions({
      namespace,
      query,
      pageSize: 200,
      nextPageToken,
    })
    for (const { execution } of page.executions ?? []) yield execution!.workflowId!
    if (!page.nextPageToken?.length) return
    nextPageToken = page.nextPageToken
  }
}

/** What Temporal says of a session; undefined when it is gone, or ended as it should. Changes nothing. */
export async function readSessionFacts(
  source: FactsSource,
  id: string,
  polls: Polls,
): Promise<SessionFacts | undefined> {
  const { connection, namespace, codec } = source
  const execution = { workflowId: id }
  try {
    const described = await connection.workflowService.describeWorkflowExecution({ namespace, execution })
    const info = described.workflowExecutionInfo
    const how = info?.status ? endings[info.status] : undefined
    if (how === 'completed') return undefined
    const { history } = await connection.workflowService.getWorkflowExecutionHistoryReverse({
      namespace,
      execution,
      maximumPageSize: recentEvents,
    })
    const events = history?.events ?? []
    const state = await stateOf(codec, info?.memo?.fields?.[names.state])
    const queue = described.executionConfig?.taskQueue?.name ?? ''
    const queues = new Set([queue, ...(state?.host ? [state.host] : [])])
    const unpolled: string[] = []
    for (const name of queues) if (!(await polls.has(name))) unpolled.push(name)
    const reason = events[0]?.workflowExecutionTerminatedEventAttributes?.reason
    const task = described.pendingWorkflowTask
    const failure = newestTaskFailure(events)
    const reset = resetOf(events)
    return {
      id,
      status: state?.status ?? 'unknown',
      lastEventAt: millisOf(events[0]?.eventTime),
      unpolled,
      ...(how && { ended: { how, ...(reason && { reason }) } }),
      ...(state?.host && state.host !== queue && { host: state.host }),
      ...(reset && { reset }),
      ...(task && {
        task: { since: millisOf(task.originalScheduledTime), attempt: task.attempt ?? 1, ...(failure && { failure }) },
      }),
      activities: (described.pendingActivities ?? []).map((activity) => ({
        name: activity.activityType?.name ?? '',
        since: millisOf(activity.lastStartedTime ?? activity.scheduledTime),
        attempt: activity.attempt ?? 1,
        begun: activity.state === PendingActivityState.PENDING_ACTIVITY_STATE_STARTED,
        ...(activity.lastHeartbeatTime && { lastHeartbeatAt: millisOf(activity.lastHeartbeatTime) }),
        ...(activity.lastFailure?.message && { lastFailure: activity.lastFailure.message }),
      })),
    }
  } catch (error) {
    if (isNotFound(error)) return undefined
    throw error
  }
}

/** Which task queues somebody polls, each asked once. */
export class Polls {
  readonly #source: FactsSource
  readonly #known = new Map<string, Promise<boolean>>()

  constructor(source: FactsSource) {
    this.#source = source
  }

  has(queue: string): Promise<boolean> {
    const known = this.#known.get(queue) ?? this.#ask(queue)
    this.#known.set(queue, known)
    return known
  }

  async #ask(name: string): Promise<boolean> {
    const { connection, namespace } = this.#source
    const { pollers } = await connection.workflowService.describeTaskQueue({
      namespace,
      taskQueue: { name },
      taskQueueType: TaskQueueType.TASK_QUEUE_TYPE_ACTIVITY,
    })
    // The server forgets one that is gone only after minutes; a living one asks again at least every minute.
    return (pollers ?? []).some(({ lastAccessTime }) => Date.now() - millisOf(lastAccessTime) < pollMs)
  }
}

/** A worker's poll is answered after this at the latest, with some time for the way. */
const pollMs = 75_000

type Events = temporal.api.history.v1.IHistoryEvent[]

/** The failure of the newest workflow task, unless one was completed after it. Events come newest first. */
function newestTaskFailure(events: Events): string | undefined {
  for (const event of events) {
    if (event.workflowTaskCompletedEventAttributes) return undefined
    const failed = event.workflowTaskFailedEventAttributes
    if (failed?.failure?.message && failed.cause !== WorkflowTaskFailedCause.WORKFLOW_TASK_FAILED_CAUSE_RESET_WORKFLOW)
      return failed.failure.message
  }
  return undefined
}

function resetOf(events: Events): SessionFacts['reset'] {
  for (const { workflowTaskFailedEventAttributes: failed, eventTime } of events) {
    if (failed?.cause !== WorkflowTaskFailedCause.WORKFLOW_TASK_FAILED_CAUSE_RESET_WORKFLOW) continue
    return { at: millisOf(eventTime), ...(failed.failure?.message && { reason: failed.failure.message }) }
  }
  return undefined
}

async function stateOf(codec: HoldfastCodec, payload: temporal.api.common.v1.IPayload | null | undefined) {
  if (!payload) return undefined
  const [decoded] = await codec.decode([payload])
  return defaultPayloadConverter.fromPayload<SessionMemo>(decoded!)
}

const endings: Record<number, 'completed' | NonNullable<SessionFacts['ended']>['how']> = {
  [WorkflowExecutionStatus.WORKFLOW_EXECUTION_STATUS_COMPLETED]: 'completed',
  [WorkflowExecutionStatus.WORKFLOW_EXECUTION_STATUS_TERMINATED]: 'terminated',
  [WorkflowExecutionStatus.WORKFLOW_EXECUTION_STATUS_FAILED]: 'failed',
  [WorkflowExecutionStatus.WORKFLOW_EXECUTION_STATUS_CANCELED]: 'canceled',
  [WorkflowExecutionStatus.WORKFLOW_EXECUTION_STATUS_TIMED_OUT]: 'timedOut',
}
