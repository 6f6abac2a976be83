/** Tools of an agent: the built-in toolset, MCP servers' tools, the client's own. Source: spec §3.4–§3.6. */
import { z } from 'zod'
import { type CustomTool, checkCustomTool, customTool } from './custom-tools.ts'
import { invalidRequest } from './errors.ts'
import type { WebTool } from './web-tool-names.ts'
import {
  resolveWebFetch,
  resolveWebSearch,
  type WebFetchSettings,
  type WebSearchSettings,
  webFetchOptions,
  webSearchOptions,
} from './web-tools.ts'

export const builtinTools = ['bash', 'read', 'write', 'edit', 'glob', 'grep', 'web_fetch', 'web_search'] as const
export type BuiltinTool = (typeof builtinTools)[number]

export const permissionPolicy = z.discriminatedUnion('type', [
  z.strictObject({ type: z.literal('always_allow') }),
  z.strictObject({ type: z.literal('always_ask') }),
  z.strictObject({ type: z.literal('auto') }),
])
export type PermissionPolicy = z.infer<typeof permissionPolicy>

const setting = { enabled: z.boolean().nullish(), permission_policy: permissionPolicy.nullish() }

const plainConfig = <Name extends BuiltinTool>(name: Name) =>
  z.strictObject({ name: z.literal(name), type: z.literal(name).optional(), ...setting })
const toolConfig = z.discriminatedUnion('name', [
  plainConfig('bash'),
  plainConfig('read'),
  plainConfig('write'),
  plainConfig('edit'),
  plainConfig('glob'),
  plainConfig('grep'),
  plainConfig('web_fetch').extend(webFetchOptions),
  plainConfig('web_search').extend(webSearchOptions),
])
const toolset = z.strictObject({
  type: z.literal('agent_toolset_20260401'),
  default_config: z.strictObject(setting).nullish(),
  configs: z.array(toolConfig).nullish(),
})
const mcpToolset = z.strictObject({
  type: z.literal('mcp_toolset'),
  mcp_server_name: z.string().min(1).max(255),
  default_config: z.strictObject(setting).nullish(),
  configs: z.array(z.strictObject({ name: z.string().min(1).max(128), ...setting })).nullish(),
})
export const toolParams = z.discriminatedUnion('type', [toolset, mcpToolset, customTool])
export type ToolParams = z.input<typeof toolParams>
type ParsedTool = z.output<typeof toolParams>

/** Whether a tool is offered, and what a call of it needs. */
export interface ToolSetting {
  enabled: boolean
  permission_policy: PermissionPolicy
}
type Named<Name extends BuiltinTool> = ToolSetting & { name: Name; type: Name }
type PlainTool = Exclude<BuiltinTool, WebTool>
export type BuiltinToolConfig =
  | { [Name in PlainTool]: Named<Name> }[PlainTool]
  | (Named<'web_fetch'> & WebFetchSettings)
  | (Named<'web_search'> & WebSearchSettings)
export interface AgentToolset {
  type: 'agent_toolset_20260401'
  default_config: ToolSetting
  /** Only what was given, every setting resolved. */
  configs: BuiltinToolConfig[]
}
export interface McpToolset {
  type: 'mcp_toolset'
  mcp_server_name: string
  default_config: ToolSetting
  configs: (ToolSetting & { name: string })[]
}
export type AgentTool = AgentToolset | McpToolset | CustomTool

/** The tools as the agent stores and shows them: every setting resolved. Throws a 400 that names the entry. */
export function resolveTools(tools: ParsedTool[]): AgentTool[] {
  const customTools = new Set<string>()
  for (const [index, tool] of tools.entries()) {
    if (tool.type !== 'custom') continue
    checkCustomTool(tool, builtinTools, `tools.${index}`)
    if (customTools.has(tool.name)) throw invalidRequest(`tools.${index}.name: "${tool.name}" is used twice`)
    customTools.add(tool.name)
  }
  let toolsets = 0
  return tools.map((tool, index) => {
    const where = `tools.${index}`
    // A copy as JSON has it, so that a later comparison sees no keys that are there but undefined.
    if (tool.type === 'custom') return JSON.parse(JSON.stringify(tool)) as CustomTool
    if (tool.type === 'mcp_toolset') return resolveMcpToolset(tool, where)
    if (++toolsets > 1) throw invalidRequest(`${where}: an agent has one agent_toolset_20260401 at most`)
    return resolveToolset(tool, customTools, where)
  })
}

type SettingParams = z.output<z.ZodObject<typeof setting>>

function resolveSetting(given: SettingParams | null | undefined, defaults: ToolSetting): ToolSetting {
  return {
    enabled: given?.enabled ?? defaults.enabled,
    permission_policy: given?.permission_policy ?? defaults.permission_policy,
  }
}

function resolveToolset(
  { type, default_config, configs }: z.output<typeof toolset>,
  customTools: ReadonlySet<string>,
  where: string,
): AgentToolset {
  const defaults = resolveSetting(default_config, { enabled: true, permission_policy: { type: 'always_allow' } })
  refuseRepeated(configs ?? [], where)
  return {
    type,
    default_config: defaults,
    configs: (configs ?? []).map((config, index): BuiltinToolConfig => {
      const resolved = resolveSetting(config, defaults)
      const place = `${where}.configs.${index}`
      if (config.name === 'web_fetch') {
        return { name: config.name, type: config.name, ...resolved, ...resolveWebFetch(config, customTools, place) }
      }
      if (config.name === 'web_search') {
        return { name: config.name, type: config.name, ...resolved, ...resolveWebSearch(config, place) }
      }
      return { name: config.name, type: config.name, ...resolved } as BuiltinToolConfig
    }),
  }
}

/** Unlike a built-in tool, an MCP server's asks by default. Source: spec §3.5. */
function resolveMcpToolset(tool: z.output<typeof mcpToolset>, where: string): McpToolset {
  const { type, mcp_server_name, default_config, configs } = tool
  const defaults = resolveSetting(default_config, { enabled: true, permission_policy: { type: 'always_ask' } })
  refuseRepeated(configs ?? [], where)
  return {
    type,
    mcp_server_name,
    default_config: defaults,
    configs: (configs ?? []).map((config) => ({ name: config.name, ...resolveSetting(config, defaults) })),
  }
}

function refuseRepeated(configs: { name: string }[], where: string): void {
  const named = new Set<string>()
  for (const [index, { name }] of configs.entries()) {
    if (named.has(name)) throw invalidRequest(`${where}.configs.${index}.name: "${name}" is named twice`)
    named.add(name)
  }
}

/** What the agent's toolset says of one built-in tool by its name. */
export function builtinConfig(tools: AgentTool[], name: string): BuiltinToolConfig | undefined {
  const found = tools.find((tool) => tool.type === 'agent_toolset_20260401')
  return found?.configs.find((config) => config.name === name)
}

/** Enabled and permission of a built-in tool, as the agent's toolset says; undefined when the agent has no toolset. */
export function builtinSetting(tools: AgentTool[], name: string): ToolSetting | undefined {
  const found = tools.find((tool) => tool.type === 'agent_toolset_20260401')
  return found?.configs.find((config) => config.name === name) ?? found?.default_config
}
