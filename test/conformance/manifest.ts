/**
 * What of the API is to be covered. A method of the SDK, an event or an error is covered when one of the conformance
 * tests meets it, when `elsewhere` names the test that does, or when docs/divergences.md says ("Not offered") why there
 * is none. A new resource gets tests of its own in this folder, called by conformance.test.ts, and its lines leave
 * divergences.md.
 */

/** Resources of `client.beta` that are Managed Agents. Source: spec §1. */
export const resources = [
  'agents',
  'environments',
  'sessions',
  'files',
  'memoryStores',
  'vaults',
  'skills',
  'deployments',
  'deploymentRuns',
] as const

/** Source: spec §9. */
export const events = [
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
  'session.thread_status_rescheduled',
  'session.thread_status_terminated',
  'session.thread_status_idle',
  'span.model_request_start',
  'span.model_request_end',
  'span.outcome_evaluation_start',
  'span.outcome_evaluation_ongoing',
  'span.outcome_evaluation_end',
  'workflow_run.created',
  'workflow_run.status_running',
  'workflow_run.status_idle',
  'workflow_run.phase_started',
  'workflow_run.phase_ended',
  'workflow_run.error',
  'workflow_run.status_ended',
  'event_start',
  'event_delta',
] as const

/** Source: spec §2.3. */
export const errors = [
  '400 invalid_request_error',
  '401 authentication_error',
  '402 billing_error',
  '403 permission_error',
  '404 not_found_error',
  '409 conflict_error',
  '409 memory_path_conflict_error',
  '409 memory_precondition_failed_error',
  '413 request_too_large',
  '429 rate_limit_error',
  '500 api_error',
  '503 api_error',
  '504 timeout_error',
  '529 overloaded_error',
] as const

/** Types of `session.error`. Source: spec §11.1. */
export const sessionErrors = [
  'unknown_error',
  'model_overloaded_error',
  'model_rate_limited_error',
  'model_request_failed_error',
  'billing_error',
  'mcp_connection_failed_error',
  'mcp_authentication_failed_error',
  'credential_host_unreachable_error',
  'tool_use_limit_reached_error',
  'compaction_limit_reached_error',
  'repository_authentication_error',
  'repository_forbidden_error',
  'repository_not_found_error',
  'repository_checkout_error',
  'repository_clone_error',
] as const

/** Covered by a test outside of this folder: its file, and a text that stands in it. */
export const elsewhere: Record<string, { file: string; contains: string }> = {
  'agent.thread_context_compacted': {
    file: 'test/core/compaction.test.ts',
    contains: 'agent.thread_context_compacted',
  },
  compaction_limit_reached_error: { file: 'test/workflows/guards.test.ts', contains: 'compaction_limit_reached_error' },
  'agent.mcp_tool_use': { file: 'test/mcp/tools.test.ts', contains: 'agent.mcp_tool_use' },
  'agent.mcp_tool_result': { file: 'test/mcp/tools.test.ts', contains: 'agent.mcp_tool_result' },
  mcp_connection_failed_error: { file: 'test/mcp/tools.test.ts', contains: 'mcp_connection_failed_error' },
  mcp_authentication_failed_error: {
    file: 'test/mcp/authentication.test.ts',
    contains: 'mcp_authentication_failed_error',
  },
  credential_host_unreachable_error: {
    file: 'test/egress/credentials.test.ts',
    contains: 'credential_host_unreachable_error',
  },
  billing_error: { file: 'test/model/provider.test.ts', contains: 'billing_error' },
  repository_authentication_error: {
    file: 'test/repositories/repositories.test.ts',
    contains: 'repository_authentication_error',
  },
  repository_forbidden_error: {
    file: 'test/repositories/repositories.test.ts',
    contains: 'repository_forbidden_error',
  },
  repository_not_found_error: {
    file: 'test/repositories/repositories.test.ts',
    contains: 'repository_not_found_error',
  },
  repository_checkout_error: { file: 'test/repositories/repositories.test.ts', contains: 'repository_checkout_error' },
  repository_clone_error: { file: 'test/repositories/repositories.test.ts', contains: 'repository_clone_error' },
  '500 api_error': { file: 'test/server/errors.test.ts', contains: 'api_error' },
  '503 api_error': { file: 'test/server/errors.test.ts', contains: '503' },
}
