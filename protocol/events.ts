/** The events of a session. Source: spec §8.1, §9, §11. */
import { z } from 'zod'
import type { Budget } from './budgets.ts'
import { type TextBlock, type ToolResultBlock, textBlock, toolResultBlock, userContentBlock } from './content.ts'
import { limits } from './limits.ts'
import type { SessionAgent } from './sessions.ts'
import type { ModelUsage, SessionUsage } from './usage.ts'

const eventRef = z.string().min(1).max(128)

export const userMessageParams = z.strictObject({
  type: z.literal('user.message'),
  content: z.array(userContentBlock).min(1),
})
export const userInterruptParams = z.strictObject({
  type: z.literal('user.interrupt'),
  session_thread_id: z.string().nullish(),
})
export const userToolConfirmationParams = z
  .strictObject({
    type: z.literal('user.tool_confirmation'),
    tool_use_id: eventRef,
    result: z.enum(['allow', 'deny']),
    deny_message: z.string().max(10_000).nullish(),
    // Older clients echo it; the server routes by the tool use's id. Spec §8.1.11.
    session_thread_id: z.string().nullish(),
  })
  .refine((event) => event.result === 'deny' || event.deny_message == null, {
    path: ['deny_message'],
    error: 'deny_message goes only with result "deny"',
  })
export const userCustomToolResultParams = z.strictObject({
  type: z.literal('user.custom_tool_result'),
  custom_tool_use_id: eventRef,
  content: z.array(toolResultBlock).nullish(),
  is_error: z.boolean().nullish(),
  session_thread_id: z.string().nullish(),
})
export const userToolResultParams = z.strictObject({
  type: z.literal('user.tool_result'),
  tool_use_id: eventRef,
  content: z.array(toolResultBlock).nullish(),
  is_error: z.boolean().nullish(),
  session_thread_id: z.string().nullish(),
})
export const userDefineOutcomeParams = z.strictObject({
  type: z.literal('user.define_outcome'),
  description: z.string().min(1),
  rubric: z.discriminatedUnion('type', [
    z.strictObject({ type: z.literal('text'), content: z.string().min(1).max(262_144) }),
    z.strictObject({ type: z.literal('file'), file_id: z.string().min(1) }),
  ]),
  max_iterations: z.int().min(1).max(20).nullish(),
})
export const systemMessageParams = z.strictObject({
  type: z.literal('system.message'),
  content: z.array(textBlock).min(1).max(limits.systemMessageBlocks),
})

/** What `events.send` takes. */
export const eventParams = z.discriminatedUnion('type', [
  userMessageParams,
  userInterruptParams,
  userToolConfirmationParams,
  userCustomToolResultParams,
  userToolResultParams,
  userDefineOutcomeParams,
  systemMessageParams,
])
export type EventParams = z.infer<typeof eventParams>
export type EventParamsInput = z.input<typeof eventParams>

export const sendParams = z.strictObject({ events: z.array(eventParams).min(1).max(limits.eventsPerSend) })
export type EventSendParams = z.input<typeof sendParams>

interface Identified {
  id: string
}
/** Fields that every stored event has. `processed_at` is null while an event waits for its turn. */
export interface Stamped extends Identified {
  processed_at: string
}
/** A client's event as it is kept: a null that it sent counts as absent. */
type Received<P> = { [K in keyof P]: Exclude<P[K], null> } & Identified & { processed_at: string | null }

export type UserMessageEvent = Received<z.infer<typeof userMessageParams>>
export type UserInterruptEvent = Received<z.infer<typeof userInterruptParams>>
export type UserToolConfirmationEvent = Received<z.infer<typeof userToolConfirmationParams>>
export type UserCustomToolResultEvent = Received<z.infer<typeof userCustomToolResultParams>>
export type UserToolResultEvent = Received<z.infer<typeof userToolResultParams>>
export type SystemMessageEvent = Received<z.infer<typeof systemMessageParams>>
/** An event that a client sent. */
export type UserEvent =
  | UserMessageEvent
  | UserInterruptEvent
  | UserToolConfirmationEvent
  | UserCustomToolResultEvent
  | UserToolResultEvent
  | SystemMessageEvent

export type EvaluatedPermission = 'allow' | 'ask' | 'deny'
export type ToolEvaluation = { type: 'always_allow' } | { type: 'always_ask' }

export type AgentMessageEvent = Stamped & { type: 'agent.message'; content: TextBlock[] }
export type AgentThinkingEvent = Stamped & { type: 'agent.thinking' }
export type AgentToolUseEvent = Stamped & {
  type: 'agent.tool_use'
  name: string
  input: Record<string, unknown>
  evaluated_permission: EvaluatedPermission
  evaluation?: ToolEvaluation
}
export type AgentMcpToolUseEvent = Stamped & {
  type: 'agent.mcp_tool_use'
  mcp_server_name: string
  name: string
  input: Record<string, unknown>
  evaluated_permission: EvaluatedPermission
  evaluation?: ToolEvaluation
}
export type AgentCustomToolUseEvent = Stamped & {
  type: 'agent.custom_tool_use'
  name: string
  input: Record<string, unknown>
}
export type AgentToolResultEvent = Stamped & {
  type: 'agent.tool_result'
  tool_use_id: string
  content: ToolResultBlock[]
  is_error: boolean
}
export type AgentMcpToolResultEvent = Stamped & {
  type: 'agent.mcp_tool_result'
  mcp_tool_use_id: string
  content: ToolResultBlock[]
  is_error: boolean
}
export type ThreadContextCompactedEvent = Stamped & { type: 'agent.thread_context_compacted' }

export type StopReason =
  | { type: 'end_turn' }
  | { type: 'requires_action'; event_ids: string[] }
  | { type: 'retries_exhausted' }
  | { type: 'budget_reached' }
  | { type: 'refusal' }
export interface StopDetails {
  type: 'refusal'
  category: 'cyber' | 'bio' | 'frontier_llm' | 'reasoning_extraction' | 'general_harms' | null
  explanation: string | null
}

export type RetryStatus = { type: 'retrying' | 'exhausted' | 'terminal' }
interface ErrorCommon {
  message: string
  retry_status: RetryStatus
}
/** Why a repository could not be had; the session goes on without it. */
export type RepositoryErrorType =
  | 'repository_authentication_error'
  | 'repository_forbidden_error'
  | 'repository_not_found_error'
  | 'repository_checkout_error'
  | 'repository_clone_error'

/** What went wrong, as `session.error` tells it. */
export type SessionErrorBody = ErrorCommon &
  (
    | {
        type:
          | 'unknown_error'
          | 'model_overloaded_error'
          | 'model_rate_limited_error'
          | 'model_request_failed_error'
          | 'billing_error'
          | 'tool_use_limit_reached_error'
          | 'compaction_limit_reached_error'
      }
    | { type: RepositoryErrorType; repository_url: string | null }
    | { type: 'credential_host_unreachable_error'; credential_id: string; vault_id: string }
    | { type: 'mcp_connection_failed_error' | 'mcp_authentication_failed_error'; mcp_server_name: string }
  )
/** Kinds of errors that need no further field. */
export type PlainErrorType = Exclude<
  SessionErrorBody,
  { mcp_server_name: string } | { repository_url: string | null } | { credential_id: string }
>['type']

export type SessionStatusRunningEvent = Stamped & { type: 'session.status_running' }
export type SessionStatusIdleEvent = Stamped & {
  type: 'session.status_idle'
  stop_reason: StopReason
  stop_details: StopDetails | null
}
export type SessionStatusRescheduledEvent = Stamped & { type: 'session.status_rescheduled' }
export type SessionStatusTerminatedEvent = Stamped & { type: 'session.status_terminated' }
export type SessionErrorEvent = Stamped & { type: 'session.error'; error: SessionErrorBody }
export type SessionUpdatedEvent = Stamped & {
  type: 'session.updated'
  title?: string | null
  metadata?: Record<string, string>
  agent?: SessionAgent
  budget?: Budget | null
}
export type SessionUsageEvent = Stamped & { type: 'session.usage'; usage: SessionUsage; budget: Budget | null }
export type SessionDeletedEvent = Stamped & { type: 'session.deleted' }
interface OfThread {
  session_thread_id: string
  agent_name: string
}
export type ThreadStatusRunningEvent = Stamped & OfThread & { type: 'session.thread_status_running' }
export type ThreadStatusRescheduledEvent = Stamped & OfThread & { type: 'session.thread_status_rescheduled' }
export type ThreadStatusTerminatedEvent = Stamped & OfThread & { type: 'session.thread_status_terminated' }
export type ThreadStatusIdleEvent = Stamped &
  OfThread & { type: 'session.thread_status_idle'; stop_reason: StopReason; stop_details: StopDetails | null }

export type ModelRequestStartEvent = Stamped & { type: 'span.model_request_start' }
export type ModelRequestEndEvent = Stamped & {
  type: 'span.model_request_end'
  model_request_start_id: string
  is_error: boolean | null
  model_usage: ModelUsage
}

/** Every event that appears in lists and on streams. */
export type SessionEvent =
  | UserEvent
  | AgentMessageEvent
  | AgentThinkingEvent
  | AgentToolUseEvent
  | AgentMcpToolUseEvent
  | AgentCustomToolUseEvent
  | AgentToolResultEvent
  | AgentMcpToolResultEvent
  | ThreadContextCompactedEvent
  | SessionStatusRunningEvent
  | SessionStatusIdleEvent
  | SessionStatusRescheduledEvent
  | SessionStatusTerminatedEvent
  | SessionErrorEvent
  | SessionUpdatedEvent
  | SessionUsageEvent
  | SessionDeletedEvent
  | ThreadStatusRunningEvent
  | ThreadStatusRescheduledEvent
  | ThreadStatusTerminatedEvent
  | ThreadStatusIdleEvent
  | ModelRequestStartEvent
  | ModelRequestEndEvent

/** Previews of an event that does not exist yet: only on streams, never stored. Source: spec §8.4. */
export type PreviewEvent =
  | { type: 'event_start'; event: { type: 'agent.message' | 'agent.thinking'; id: string } }
  | {
      type: 'event_delta'
      event_id: string
      delta: { type: 'content_delta'; index: number; content: TextBlock }
    }
export type StreamEvent = SessionEvent | PreviewEvent

/** Every event type name that `types[]` of a list may ask for. Those without an event here never occur yet. */
export const eventTypes = [
  'user.message',
  'user.interrupt',
  'user.tool_confirmation',
  'user.custom_tool_result',
  'user.tool_result',
  'user.define_outcome',
  'system.message',
  'agent.message',
  'agent.thinking',
  'agent.tool_use',
  'agent.tool_result',
  'agent.mcp_tool_use',
  'agent.mcp_tool_result',
  'agent.custom_tool_use',
  'agent.thread_context_compacted',
  'agent.thread_message_received',
  'agent.thread_message_sent',
  'session.status_running',
  'session.status_idle',
  'session.status_rescheduled',
  'session.status_terminated',
  'session.error',
  'session.updated',
  'session.usage',
  'session.deleted',
  'session.thread_created',
  'session.thread_status_running',
  'session.thread_status_idle',
  'session.thread_status_rescheduled',
  'session.thread_status_terminated',
  'span.model_request_start',
  'span.model_request_end',
  'span.outcome_evaluation_start',
  'span.outcome_evaluation_ongoing',
  'span.outcome_evaluation_end',
  'workflow_run.created',
  'workflow_run.status_running',
  'workflow_run.status_idle',
  'workflow_run.status_ended',
  'workflow_run.error',
  'workflow_run.phase_started',
  'workflow_run.phase_ended',
] as const
