/** Threads: each agent at work in a session has one. Here that is the session's own. Source: spec §13.4. */
import { z } from 'zod'
import { pageParams } from './pagination.ts'
import type { SessionAgent } from './sessions.ts'
import { type SessionStatus, sessionStatuses } from './status.ts'
import type { SessionUsage } from './usage.ts'

export interface SessionThread {
  id: string
  type: 'session_thread'
  session_id: string
  /** Null: the primary thread has none above it. */
  parent_thread_id: null
  agent: Omit<SessionAgent, 'multiagent'>
  status: SessionStatus
  workflow_run_id: null
  /** Seconds; null until the thread has begun to run. */
  stats: { active_seconds: number; duration_seconds: number } | null
  /** Null until the thread was idle after its first turn. */
  usage: SessionUsage | null
  created_at: string
  updated_at: string
  archived_at: string | null
}

export const threadListParams = pageParams('sessionThreads').extend({
  statuses: z.array(z.enum(sessionStatuses)).optional(),
})
export type ThreadListParams = z.input<typeof threadListParams>

/** Always in the order of the log. Source: spec §13.4. */
export const threadEventListParams = pageParams('sessionEvents')
export type ThreadEventListParams = z.input<typeof threadEventListParams>
