import type { AnnouncedEvent, OpenToolUse } from '../protocol/contract.ts'
import { toolResultId } from '../protocol/ids.ts'

/** The result of a call that the workflow itself decides on: an error with the reason for the model. */
export function resultOf(tool: OpenToolUse, text: string): AnnouncedEvent {
  const common = { id: toolResultId(tool.id), content: [{ type: 'text' as const, text }], is_error: true }
  // A custom tool's result is the client's to give; without one the model still gets an answer under the tool use's id.
  return tool.kind === 'mcp'
    ? { type: 'agent.mcp_tool_result', mcp_tool_use_id: tool.id, ...common }
    : { type: 'agent.tool_result', tool_use_id: tool.id, ...common }
}
