import { defaultPayloadConverter, type Payload, type PayloadCodec } from '@temporalio/common'
import proto, { type temporal } from '@temporalio/proto'
import {
  type Announcement,
  type Command,
  type Delivery,
  MODEL_FAILURE,
  type ModelFailure,
  names,
  type SessionStart,
} from '../protocol/contract.ts'
import type { Fact } from './facts.ts'
import { millisOf, toNumber } from './history-numbers.ts'

type HistoryEvent = temporal.api.history.v1.IHistoryEvent

/** Turns one run's history events, given in order, into facts. Remembers which activity an event speaks of. */
export class HistoryDecoder {
  readonly #codec: PayloadCodec
  readonly #activities = new Map<number, { activity: string; activityId: string }>()

  constructor(codec: PayloadCodec) {
    this.#codec = codec
  }

  /** The fact of an event, or undefined for one that means nothing here (workflow tasks, timers, markers). */
  async decode(event: HistoryEvent): Promise<Fact | undefined> {
    const at = { id: toNumber(event.eventId), at: new Date(millisOf(event.eventTime)).toISOString() }

    const started = event.workflowExecutionStartedEventAttributes
    if (started) return { ...at, kind: 'started', input: await this.#value<SessionStart>(started.input?.payloads?.[0]) }

    const signaled = event.workflowExecutionSignaledEventAttributes
    if (signaled) {
      const payload = signaled.input?.payloads?.[0]
      if (signaled.signalName === names.deliver) {
        return { ...at, kind: 'delivered', events: (await this.#value<Delivery>(payload)).events }
      }
      if (signaled.signalName === names.command) {
        return { ...at, kind: 'commanded', command: await this.#value<Command>(payload) }
      }
      return undefined
    }

    const modified = event.workflowPropertiesModifiedEventAttributes
    if (modified) {
      const payload = modified.upsertedMemo?.fields?.[names.announcement]
      return payload && { ...at, kind: 'announced', announcement: await this.#value<Announcement>(payload) }
    }

    const scheduled = event.activityTaskScheduledEventAttributes
    if (scheduled) {
      const activity = { activity: scheduled.activityType?.name ?? '', activityId: scheduled.activityId ?? '' }
      this.#activities.set(at.id, activity)
      return { ...at, kind: 'scheduled', ...activity }
    }
    const completed = event.activityTaskCompletedEventAttributes
    if (completed) {
      const result = await this.#value(completed.result?.payloads?.[0])
      return this.#ofActivity(completed, (activity) => ({ ...at, kind: 'completed', ...activity, result }))
    }
    const failed = event.activityTaskFailedEventAttributes
    if (failed) {
      const info = failed.failure?.applicationFailureInfo
      const detail = info?.type === MODEL_FAILURE ? info.details?.payloads?.[0] : undefined
      const usage = (await this.#value<ModelFailure | undefined>(detail))?.usage
      return this.#ofActivity(failed, (activity) => ({
        ...at,
        kind: 'failed',
        ...activity,
        how: 'failed',
        ...(usage && { usage }),
      }))
    }
    const timedOut = event.activityTaskTimedOutEventAttributes
    if (timedOut) {
      return this.#ofActivity(timedOut, (activity) => ({ ...at, kind: 'failed', ...activity, how: 'timedOut' }))
    }
    const canceled = event.activityTaskCanceledEventAttributes
    if (canceled) {
      return this.#ofActivity(canceled, (activity) => ({ ...at, kind: 'failed', ...activity, how: 'canceled' }))
    }
    const cancelRequested = event.activityTaskCancelRequestedEventAttributes
    if (cancelRequested) {
      return this.#ofActivity(cancelRequested, (activity) => ({ ...at, kind: 'cancelRequested', ...activity }))
    }

    const continued = event.workflowExecutionContinuedAsNewEventAttributes
    if (continued) return { ...at, kind: 'continued', runId: continued.newExecutionRunId ?? '' }
    if (event.workflowExecutionCompletedEventAttributes) return { ...at, kind: 'closed', how: 'completed' }
    if (event.workflowExecutionFailedEventAttributes) return { ...at, kind: 'closed', how: 'failed' }
    const terminated = event.workflowExecutionTerminatedEventAttributes
    if (terminated) {
      return { ...at, kind: 'closed', how: 'terminated', ...(terminated.reason && { reason: terminated.reason }) }
    }
    if (event.workflowExecutionCanceledEventAttributes) return { ...at, kind: 'closed', how: 'canceled' }
    if (event.workflowExecutionTimedOutEventAttributes) return { ...at, kind: 'closed', how: 'timedOut' }

    const taskFailed = event.workflowTaskFailedEventAttributes
    if (taskFailed?.cause === resetWorkflow) {
      return { ...at, kind: 'reset', reason: taskFailed.failure?.message ?? '' }
    }
    if (taskFailed && !noErrors.includes(taskFailed.cause)) {
      return { ...at, kind: 'stuck', message: taskFailed.failure?.message ?? 'the workflow task failed' }
    }
    return undefined
  }

  #ofActivity(
    attributes: { scheduledEventId?: unknown },
    fact: (activity: { activity: string; activityId: string }) => Fact,
  ): Fact | undefined {
    const activity = this.#activities.get(Number(attributes.scheduledEventId))
    return activity && fact(activity)
  }

  async #value<T>(payload: Payload | null | undefined): Promise<T> {
    if (!payload) return undefined as T
    const [decoded] = await this.#codec.decode([payload])
    return defaultPayloadConverter.fromPayload(decoded!) as T
  }
}

const { WorkflowTaskFailedCause } = proto.temporal.api.enums.v1
const noErrors: unknown[] = [
  // The server's way to hand over a signal that arrived during a roll over.
  WorkflowTaskFailedCause.WORKFLOW_TASK_FAILED_CAUSE_UNHANDLED_COMMAND,
  // The workflow was ended from outside, while it was at it.
  WorkflowTaskFailedCause.WORKFLOW_TASK_FAILED_CAUSE_FORCE_CLOSE_COMMAND,
]
const resetWorkflow = WorkflowTaskFailedCause.WORKFLOW_TASK_FAILED_CAUSE_RESET_WORKFLOW
