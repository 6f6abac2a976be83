import { invalidRequest, notFound } from '../protocol/errors.ts'
import { primaryThreadId } from '../protocol/ids.ts'
import { parse } from '../protocol/parse.ts'
import { type SessionThread, threadEventListParams, threadListParams } from '../protocol/threads.ts'
import type { SessionEventsApi, SessionThreadsApi } from './api.ts'

/**
 * The one thread of each session. `view` gives it, or throws the session's 404.
 * Source: spec §13.4
 */
export function createSessionThreadsApi(
  view: (sessionId: string) => Promise<SessionThread>,
  events: SessionEventsApi,
): SessionThreadsApi {
  return {
    async list(sessionId, input = {}) {
      const { page, statuses } = parse(threadListParams, input)
      const thread = await view(sessionId)
      // There never is a second page that a cursor could have been given for.
      if (page !== undefined) throw invalidRequest('page: not a cursor of this list')
      return { data: !statuses?.length || statuses.includes(thread.status) ? [thread] : [], next_page: null }
    },

    async retrieve(threadId, { session_id }) {
      const thread = await view(session_id)
      checkThread(threadId, session_id)
      return thread
    },

    async archive(threadId, { session_id }) {
      await view(session_id)
      checkThread(threadId, session_id)
      throw invalidRequest(`thread ${threadId} is the primary one: it is archived with its session`)
    },

    events: {
      async list(threadId, { session_id, ...input }) {
        const params = parse(threadEventListParams, input)
        checkThread(threadId, session_id)
        return events.list(session_id, { ...params, order: 'asc' })
      },

      async stream(threadId, { session_id, ...params }) {
        checkThread(threadId, session_id)
        return events.stream(session_id, params)
      },
    },
  }
}

/** @throws ApiError 404 */
function checkThread(threadId: string, sessionId: string): void {
  if (threadId !== primaryThreadId(sessionId)) throw notFound('thread', threadId)
}
