import { z } from 'zod'
import { textBlock, toolResultBlock, userContentBlock } from '../../../protocol/content.ts'
import { time } from './common.ts'
import { sessionUsage } from './sessions.ts'

const stamped = { id: z.string(), processed_at: time }
/** A client's event waits before it is processed. */
const received = { id: z.string(), processed_at: time.nullable() }
const thread = { session_thread_id: z.string().optional() }

const of = <Type extends string, Shape extends z.ZodRawShape>(type: Type, shape: Shape) =>
  z.looseObject({ type: z.literal(type), ...shape })

/** Source: spec §9.2. */
const fromUser = [
  of('user.message', { ...received, content: z.array(userContentBlock) }),
  of('user.interrupt', { ...received, ...thread }),
  of('user.tool_confirmation', {
    ...{ ...received, ...thread },
    tool_use_id: z.string(),
    result: z.enum(['allow', 'deny']),
    deny_message: z.string().optional(),
  }),
  of('user.custom_tool_result', {
    ...{ ...received, ...thread },
    custom_tool_use_id: z.string(),
    content: z.array(toolResultBlock).optional(),
    is_error: z.boolean().optional(),
  }),
  of('user.tool_result', {
    ...{ ...received, ...thread },
    tool_use_id: z.string(),
    content: z.array(toolResultBlock).optional(),
    is_error: z.boolean().optional(),
  }),
  of('system.message', { ...received, content: z.array(textBlock) }),
] as const
export const userEvent = z.discriminatedUnion('type', fromUser).meta({ id: 'UserEvent' })

const stopReason = z
  .discriminatedUnion('type', [
    of('end_turn', {}),
    of('requires_action', { event_ids: z.array(z.string()) }),
    of('retries_exhausted', {}),
    of('budget_reached', {}),
    of('refusal', {}),
  ])
  .meta({ id: 'StopReason' })
const stop = {
  stop_reason: stopReason,
  stop_details: z
    .looseObject({ type: z.literal('refusal'), category: z.string().nullable(), explanation: z.string().nullable() })
    .nullable(),
}
const call = {
  name: z.string(),
  input: z.record(z.string(), z.unknown()),
  evaluated_permission: z.enum(['allow', 'ask', 'deny']),
  evaluation: z.looseObject({ type: z.string() }).optional(),
}
const result = { content: z.array(toolResultBlock), is_error: z.boolean() }
const ofThread = { session_thread_id: z.string(), agent_name: z.string() }
const modelUsage = z.looseObject({
  input_tokens: z.int(),
  output_tokens: z.int(),
  cache_creation_input_tokens: z.int(),
  cache_read_input_tokens: z.int(),
  speed: z.enum(['standard', 'fast']).optional(),
})
const error = z
  .looseObject({
    type: z.string(),
    message: z.string(),
    retry_status: z.looseObject({ type: z.enum(['retrying', 'exhausted', 'terminal']) }),
    mcp_server_name: z.string().optional(),
  })
  .meta({ id: 'SessionError' })

/** Source: spec §9.3–§9.5. */
const ownEvents = [
  of('agent.message', { ...stamped, content: z.array(textBlock) }),
  of('agent.thinking', stamped),
  of('agent.tool_use', { ...stamped, ...call }),
  of('agent.tool_result', { ...stamped, tool_use_id: z.string(), ...result }),
  of('agent.mcp_tool_use', { ...stamped, mcp_server_name: z.string(), ...call }),
  of('agent.mcp_tool_result', { ...stamped, mcp_tool_use_id: z.string(), ...result }),
  of('agent.custom_tool_use', { ...stamped, name: z.string(), input: z.record(z.string(), z.unknown()) }),
  of('agent.thread_context_compacted', stamped),
  of('session.status_running', stamped),
  of('session.status_idle', { ...stamped, ...stop }),
  of('session.status_rescheduled', stamped),
  of('session.status_terminated', stamped),
  of('session.error', { ...stamped, error }),
  of('session.updated', stamped),
  of('session.usage', { ...stamped, usage: sessionUsage }),
  of('session.deleted', stamped),
  of('session.thread_status_running', { ...stamped, ...ofThread }),
  of('session.thread_status_idle', { ...stamped, ...ofThread, ...stop }),
  of('session.thread_status_rescheduled', { ...stamped, ...ofThread }),
  of('session.thread_status_terminated', { ...stamped, ...ofThread }),
  of('span.model_request_start', stamped),
  of('span.model_request_end', {
    ...stamped,
    model_request_start_id: z.string(),
    is_error: z.boolean().nullable(),
    model_usage: modelUsage,
  }),
] as const

export const sessionEvent = z.discriminatedUnion('type', [...fromUser, ...ownEvents]).meta({ id: 'SessionEvent' })

/** Only on streams. Source: spec §8.4. */
const previews = [
  of('event_start', { event: z.looseObject({ type: z.enum(['agent.message', 'agent.thinking']), id: z.string() }) }),
  of('event_delta', {
    event_id: z.string(),
    delta: z.looseObject({ type: z.literal('content_delta'), index: z.int(), content: textBlock }),
  }),
] as const
export const streamEvent = z
  .discriminatedUnion('type', [...fromUser, ...ownEvents, ...previews])
  .meta({ id: 'StreamEvent' })
