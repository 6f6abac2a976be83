import { createHash } from 'node:crypto'
import { ApplicationFailure, activityInfo, cancellationSignal } from '@temporalio/activity'
import { ApplicationFailureCategory } from '@temporalio/common'
import type { Holdfast } from '../client/holdfast.ts'
import { SessionWorkflow } from '../client/session-workflow.ts'
import { stop } from '../client/stop.ts'
import { turnOutcome } from '../client/turn-outcome.ts'
import type { SessionNotice } from '../protocol/contract.ts'
import { ApiError } from '../protocol/errors.ts'
import type { EventParamsInput } from '../protocol/events.ts'
import type { SessionActivities } from '../workflow/activities.ts'
import { firstAttempt } from './first-attempt.ts'

/**
 * What `holdfast/workflow` calls: the library's operations as activities. Holdfast's own workers have them; register them
 * in your own worker when your workflows live in another namespace or must not reach Holdfast's queue.
 */
export function sessionActivities(holdfast: Holdfast): SessionActivities {
  const { runtime, sessions } = holdfast
  const activities: SessionActivities = {
    async holdfastCreateSession(params, key, tools) {
      const { id } = await sessions.create(params, { idempotencyKey: key, ...(tools && { tools }) })
      return { id }
    },
    async holdfastSend(sessionId: string, events: EventParamsInput[], key: string) {
      // The key counts how often these words were sent.
      const said = createHash('sha256').update(JSON.stringify(events)).digest('hex')
      const { data } = await sessions.events.send(sessionId, { events }, { idempotencyKey: `${key}/${said}` })
      return data.map(({ id }) => id)
    },
    async holdfastWatch(sessionId: string, watch: string, options = {}): Promise<SessionNotice | null> {
      const { namespace, workflowId, runId, activityId } = caller()
      const watcher = { id: watch, namespace, workflowId, ...options }
      await sessions.retrieve(sessionId)
      // Asked again it is a request of its own, or the server would take it for the first one and drop it.
      const request = `${watch}/${runId}/${activityId}`
      const isOpen = await new SessionWorkflow(runtime, sessionId).command({ type: 'watch', watcher }, request)
      return isOpen ? null : { watch, sessionId, status: 'terminated', stopReason: null }
    },
    async holdfastTurn(sessionId: string, eventId: string) {
      await sessions.retrieve(sessionId)
      return (await turnOutcome(runtime.logs.get(sessionId), eventId)) ?? null
    },
    holdfastAnswer: (sessionId: string) => holdfast.session(sessionId).answer(),
    async holdfastStop(sessionId: string, key: string) {
      await sessions.retrieve(sessionId)
      await stop(holdfast, sessionId, key, cancellationSignal())
    },
    async holdfastArchive(sessionId: string) {
      await sessions.archive(sessionId)
    },
    holdfastFirstAttempt() {
      const { namespace, workflowId, runId } = caller()
      return firstAttempt(runtime.connection, { namespace, workflowId, runId })
    },
  }
  return Object.fromEntries(
    Object.entries(activities).map(([name, activity]) => [name, refusing(activity as never)]),
  ) as unknown as SessionActivities
}

function caller() {
  const { workflowExecution, workflowNamespace: namespace, activityId } = activityInfo()
  if (!workflowExecution || !namespace) throw new Error('the activities of sessions are for workflows')
  return { ...workflowExecution, namespace, activityId }
}

/** What the API refuses it refuses always: the pipeline hears of it at once. */
export function refusing<A extends unknown[], T>(activity: (...args: A) => Promise<T>) {
  return async (...args: A): Promise<T> => {
    try {
      return await activity(...args)
    } catch (error) {
      if (!(error instanceof ApiError) || error.status >= 500 || error.status === 429) throw error
      throw ApplicationFailure.create({
        type: 'ApiError',
        message: error.message,
        nonRetryable: true,
        // It is the pipeline's to deal with: no warning in the worker's log.
        category: ApplicationFailureCategory.BENIGN,
        details: [{ status: error.status, type: error.type, ...(error.code && { code: error.code }) }],
      })
    }
  }
}
