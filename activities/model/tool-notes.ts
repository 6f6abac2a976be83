import type { AssistantBlock, ServedTool, ToolUseNote } from '../../protocol/contract.ts'
import type { SessionAgent } from '../../protocol/sessions.ts'
import { builtinSetting, type ToolSetting } from '../../protocol/tools.ts'
import type { McpCatalog } from '../mcp/catalog.ts'
import { isThere, type OutsideTools } from './tool-definitions.ts'

export interface JudgeOptions {
  mcp?: McpCatalog | undefined
  outside?: OutsideTools
  served?: Record<string, ServedTool> | undefined
}

/**
 * Judges each tool use of a reply: what kind it is and whether it may run. What the agent does not have, or has
 * disabled, is denied. Source: spec §3.4, §10.
 */
export function judgeTools(
  agent: SessionAgent,
  content: AssistantBlock[],
  { mcp, outside = new Set(), served = {} }: JudgeOptions = {},
): ToolUseNote[] {
  return content.flatMap((block, index) => {
    if (block.type !== 'tool_use') return []
    const name = String(block.name)
    const note = judge(agent, name, index, outside, mcp)
    const worker = note.kind === 'custom' && Object.hasOwn(served, name) && served[name]
    return [worker ? { ...note, served: worker } : note]
  })
}

function judge(
  { tools }: SessionAgent,
  name: string,
  index: number,
  outside: OutsideTools,
  mcp?: McpCatalog,
): ToolUseNote {
  if (tools.some((tool) => tool.type === 'custom' && tool.name === name)) {
    return { index, kind: 'custom', permission: 'allow' }
  }
  const tool = mcp?.tools.get(name)
  if (tool) {
    return { index, kind: 'mcp', ...permissionOf(tool), mcpServer: tool.server, mcpTool: tool.name }
  }
  const setting = isThere(name, outside) ? builtinSetting(tools, name) : undefined
  if (!setting?.enabled) return { index, kind: 'unknown', permission: 'deny' }
  return { index, kind: 'builtin', ...permissionOf(setting) }
}

function permissionOf({ permission_policy: { type } }: ToolSetting): Pick<ToolUseNote, 'permission' | 'evaluation'> {
  return type === 'always_ask'
    ? { permission: 'ask', evaluation: { type } }
    : { permission: 'allow', evaluation: { type: 'always_allow' } }
}
