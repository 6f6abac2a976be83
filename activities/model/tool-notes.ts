import type { AssistantBlock, ServedTool, ToolUseNote } from '../../protocol/contract.ts'
import type { SessionAgent } from '../../protocol/sessions.ts'
import { builtinSetting } from '../../protocol/tools.ts'
import { containerTools } from './tool-definitions.ts'

/**
 * Judges each tool use of a reply: what kind it is and whether it may run. What the agent does not have, or has
 * disabled, is denied. Source: spec §3.4, §10.
 */
export function judgeTools(
  agent: SessionAgent,
  content: AssistantBlock[],
  served: Record<string, ServedTool> = {},
): ToolUseNote[] {
  return content.flatMap((block, index) => {
    if (block.type !== 'tool_use') return []
    const note = judge(agent, String(block.name), index)
    const worker = note.kind === 'custom' && Object.hasOwn(served, String(block.name)) && served[String(block.name)]
    return [worker ? { ...note, served: worker } : note]
  })
}

function judge({ tools }: SessionAgent, name: string, index: number): ToolUseNote {
  if (tools.some((tool) => tool.type === 'custom' && tool.name === name)) {
    return { index, kind: 'custom', permission: 'allow' }
  }
  const setting = Object.hasOwn(containerTools, name) ? builtinSetting(tools, name) : undefined
  if (!setting?.enabled) return { index, kind: 'unknown', permission: 'deny' }
  return setting.permission_policy.type === 'always_ask'
    ? { index, kind: 'builtin', permission: 'ask', evaluation: { type: 'always_ask' } }
    : { index, kind: 'builtin', permission: 'allow', evaluation: { type: 'always_allow' } }
}
