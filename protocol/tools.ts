/** Tools of an agent: the built-in toolset, MCP servers' tools, the client's own. Source: spec §3.4–§3.6. */
import { z } from 'zod'
import { invalidRequest, notSupported } from './errors.ts'

export const builtinTools = ['bash', 'read', 'write', 'edit', 'glob', 'grep', 'web_fetch', 'web_search'] as const
export type BuiltinTool = (typeof builtinTools)[number]

export const permissionPolicy = z.discriminatedUnion('type', [
  z.strictObject({ type: z.literal('always_allow') }),
  z.strictObject({ type: z.literal('always_ask') }),
  z.strictObject({ type: z.literal('auto') }),
])
export type PermissionPolicy = z.infer<typeof permissionPolicy>

const setting = { enabled: z.boolean().nullish(), permission_policy: permissionPolicy.nullish() }
const domains = z.array(z.string().min(1).max(255)).min(1).max(64).nullish()
const web = { allowed_domains: domains, blocked_domains: domains }

const plainConfig = (name: BuiltinTool) =>
  z.strictObject({ name: z.literal(name), type: z.literal(name).nullish(), ...setting })
const toolConfig = z.discriminatedUnion('name', [
  plainConfig('bash'),
  plainConfig('read'),
  plainConfig('write'),
  plainConfig('edit'),
  plainConfig('glob'),
  plainConfig('grep'),
  plainConfig('web_fetch').extend({
    ...web,
    max_content_tokens: z.int().min(1).nullish(),
    url_sources: z.unknown().optional(),
  }),
  plainConfig('web_search').extend({ ...web, user_location: z.unknown().optional() }),
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
const inputSchema = z.looseObject({
  type: z.literal('object'),
  properties: z.record(z.string(), z.unknown()).nullish(),
  required: z.array(z.string()).nullish(),
})
const customTool = z.strictObject({
  type: z.literal('custom'),
  name: z.string().regex(/^[A-Za-z0-9_-]{1,128}$/, 'must be 1 to 128 letters, digits, "_" or "-"'),
  description: z.string().min(1),
  input_schema: inputSchema,
})
export const toolParams = z.discriminatedUnion('type', [toolset, mcpToolset, customTool])
export type ToolParams = z.input<typeof toolParams>
type ParsedTool = z.output<typeof toolParams>

export interface ToolConfig<Name extends string = string> {
  name: Name
  enabled: boolean
  permission_policy: PermissionPolicy
}
export type BuiltinToolConfig = { [N in BuiltinTool]: ToolConfig<N> & { type: N } }[Exclude<
  BuiltinTool,
  'web_fetch' | 'web_search'
>]
interface DefaultConfig {
  enabled: boolean
  permission_policy: PermissionPolicy
}
export interface AgentToolset {
  type: 'agent_toolset_20260401'
  default_config: DefaultConfig
  configs: BuiltinToolConfig[]
}
export interface McpToolset {
  type: 'mcp_toolset'
  mcp_server_name: string
  default_config: DefaultConfig
  configs: ToolConfig[]
}
export type CustomTool = z.output<typeof customTool>
export type AgentTool = AgentToolset | McpToolset | CustomTool

/** The tools as the agent stores and shows them: every setting resolved. Throws a 400 that names the entry. */
export function resolveTools(tools: ParsedTool[]): AgentTool[] {
  const names = new Set<string>()
  let hasToolset = false
  return tools.map((tool, index) => {
    const where = `tools.${index}`
    if (tool.type === 'custom') {
      checkCustomTool(tool, where)
      if (names.has(tool.name)) throw invalidRequest(`${where}.name: "${tool.name}" is used twice`)
      names.add(tool.name)
      return tool
    }
    refuseAuto(tool, where)
    if (tool.type === 'mcp_toolset') throw notSupported(`${where}: an mcp_toolset`)
    if (hasToolset) throw invalidRequest(`${where}: an agent has one agent_toolset_20260401 at most`)
    hasToolset = true
    return resolveToolset(tool, where)
  })
}

function resolveToolset(tool: z.output<typeof toolset>, where: string): AgentToolset {
  const defaults: DefaultConfig = {
    enabled: tool.default_config?.enabled ?? true,
    permission_policy: tool.default_config?.permission_policy ?? { type: 'always_allow' },
  }
  const named = new Set<string>()
  const configs = (tool.configs ?? []).map((config, index) => {
    if (named.has(config.name)) throw invalidRequest(`${where}.configs.${index}.name: "${config.name}" is named twice`)
    named.add(config.name)
    const enabled = config.enabled ?? defaults.enabled
    if ((config.name === 'web_fetch' || config.name === 'web_search') && enabled) {
      throw notSupported(`${where}.configs.${index}: ${config.name}`)
    }
    const resolved = { enabled, permission_policy: config.permission_policy ?? defaults.permission_policy }
    return { name: config.name, type: config.name, ...resolved } as BuiltinToolConfig
  })
  return { type: 'agent_toolset_20260401', default_config: defaults, configs }
}

function refuseAuto(tool: Exclude<ParsedTool, { type: 'custom' }>, where: string): void {
  const settings = [tool.default_config, ...(tool.configs ?? [])]
  if (settings.some((entry) => entry?.permission_policy?.type === 'auto')) {
    throw notSupported(`${where}: the permission policy "auto"`)
  }
}

/** Source: spec §3.2. */
function checkCustomTool(tool: CustomTool, where: string): void {
  if ((builtinTools as readonly string[]).includes(tool.name)) {
    throw invalidRequest(`${where}.name: "${tool.name}" is the name of a built-in tool`)
  }
  if (tool.name.startsWith('mcp__')) throw invalidRequest(`${where}.name: the prefix "mcp__" is reserved`)
  for (const keyword of ['oneOf', 'anyOf', 'allOf']) {
    if (keyword in tool.input_schema) throw invalidRequest(`${where}.input_schema: "${keyword}" is not allowed at the top`)
  }
  checkSchema(tool.input_schema, `${where}.input_schema`)
}

function checkSchema(schema: unknown, where: string): void {
  if (Array.isArray(schema)) {
    for (const [index, part] of schema.entries()) checkSchema(part, `${where}.${index}`)
    return
  }
  if (typeof schema !== 'object' || schema === null) return
  for (const [key, value] of Object.entries(schema)) {
    if (key === '$ref') throw invalidRequest(`${where}: "$ref" is not allowed`)
    if (key === 'properties' && typeof value === 'object' && value !== null) {
      for (const name of Object.keys(value)) {
        if (!/^[A-Za-z0-9_.-]{1,64}$/.test(name)) {
          throw invalidRequest(`${where}.properties: "${name}" is no property name (1 to 64 letters, digits, "_", ".", "-")`)
        }
      }
    }
    checkSchema(value, `${where}.${key}`)
  }
}

/** Enabled and permission of a built-in tool, as the agent's toolset says; undefined when the agent has no toolset. */
export function builtinSetting(tools: AgentTool[], name: string): DefaultConfig | undefined {
  const found = tools.find((tool) => tool.type === 'agent_toolset_20260401')
  return found?.configs.find((config) => config.name === name) ?? found?.default_config
}
