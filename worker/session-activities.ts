import { ApplicationFailure, activityInfo } from '@temporalio/activity'
import type { Holdfast } from '../client/holdfast.ts'
import { SessionWorkflow } from '../client/session-workflow.ts'
import type { SessionNotice } from '../protocol/contract.ts'
import { ApiError } from '../protocol/errors.ts'
import type { EventParamsInput } from '../protocol/events.ts'
import type { SessionActivities } from '../workflow/activities.ts'

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
      await sessions.events.send(sessionId, { events }, { idempotencyKey: key })
    },
    async holdfastWatch(sessionId: string, watch: string): Promise<SessionNotice | null> {
      const { workflowExecution, workflowNamespace } = activityInfo()
      if (!workflowExecution || !workflowNamespace) throw new Error('holdfastWatch is for workflows')
      const watcher = { id: watch, namespace: workflowNamespace, workflowId: workflowExecution.workflowId }
      await sessions.retrieve(sessionId)
      const isOpen = await new SessionWorkflow(runtime, sessionId).command({ type: 'watch', watcher }, watch)
      return isOpen ? null : { watch, sessionId, status: 'terminated', stopReason: null }
    },
    holdfastAnswer: (sessionId: string) => holdfast.session(sessionId).answer(),
    async holdfastArchive(sessionId: string) {
      await sessions.archive(sessionId)
    },
  }
  return Object.fromEntries(
    Object.entries(activities).map(([name, activity]) => [name, refusing(activity as never)]),
  ) as unknown as SessionActivities
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
        details: [{ status: error.status, type: error.type, ...(error.code && { code: error.code }) }],
      })
    }
  }
}
