import { z } from 'zod'
import type { SessionAgent } from '../../protocol/sessions.ts'
import type { McpToolset, ToolSetting } from '../../protocol/tools.ts'
import type { ModelTool } from '../model/provider.ts'
import type { McpFailure } from './failures.ts'
import { modelName } from './tool-names.ts'
import { inputSchema } from './tool-schema.ts'

/** A tool as its server describes it. */
export interface DiscoveredTool {
  name: string
  definition: Omit<ModelTool, 'name'>
  /** The server says that a second call does no harm: it may be made when nobody knows of the first. */
  repeatable: boolean
}

/** A tool of an MCP server that the agent offers to the model. */
export interface McpTool extends DiscoveredTool, ToolSetting {
  server: string
}

/** The MCP tools of one model request, by the names under which the model sees them. */
export interface McpCatalog {
  tools: ReadonlyMap<string, McpTool>
  /** The servers that the request does without. */
  failures: McpFailure[]
}

/** Tools of one server that the model is shown, and characters of their definitions. */
const mostTools = 256
const mostCharacters = 1024 * 1024
const longestDescription = 10_000

const given = z.looseObject({
  name: z.string().min(1).max(128),
  description: z.string().nullish().catch(undefined),
  inputSchema: z.unknown(),
  annotations: z
    .looseObject({
      readOnlyHint: z.boolean().optional().catch(undefined),
      idempotentHint: z.boolean().optional().catch(undefined),
    })
    .nullish()
    .catch(undefined),
})

type Given = z.output<typeof given>

/**
 * What a server's list gives: in an order that does not depend on the server's, each name once, no more than the model
 * can be shown. What is no tool is left out.
 */
export function discoveredTools(list: unknown[]): DiscoveredTool[] {
  const byName = new Map<string, Given>()
  for (const entry of list) {
    const read = given.safeParse(entry)
    if (read.success && !byName.has(read.data.name)) byName.set(read.data.name, read.data)
  }
  const sorted = [...byName.values()].sort((one, other) => (one.name < other.name ? -1 : 1))
  let room = mostCharacters
  return sorted
    .slice(0, mostTools)
    .map(discovered)
    .filter(({ definition }) => {
      room -= JSON.stringify(definition).length
      return room >= 0
    })
}

function discovered({ name, description, inputSchema: schemaGiven, annotations }: Given): DiscoveredTool {
  const { schema, note } = inputSchema(schemaGiven)
  const described = (description ?? '').slice(0, longestDescription).trim()
  return {
    name,
    definition: {
      description: [described, note].filter(Boolean).join('\n\n').toWellFormed() || name.toWellFormed(),
      input_schema: schema,
    },
    repeatable: annotations?.readOnlyHint === true || annotations?.idempotentHint === true,
  }
}

/** The tools that the agent enables, servers in its order. Source: spec §3.5. */
export function catalogOf(
  agent: SessionAgent,
  discovered: ReadonlyMap<string, DiscoveredTool[]>,
  failures: McpFailure[],
): McpCatalog {
  const tools = new Map<string, McpTool>()
  const names = new Set<string>()
  for (const { name: server } of agent.mcp_servers) {
    const toolset = toolsetOf(agent, server)
    for (const tool of discovered.get(server) ?? []) {
      const setting = toolset && mcpSetting(toolset, tool.name)
      const name = modelName(server, tool.name, names)
      // Also what is not offered has its name: enabling it changes no other's.
      names.add(name)
      if (setting?.enabled) tools.set(name, { ...tool, ...setting, server })
    }
  }
  return { tools, failures }
}

export function toolsetOf({ tools }: SessionAgent, server: string): McpToolset | undefined {
  return tools.find((tool): tool is McpToolset => tool.type === 'mcp_toolset' && tool.mcp_server_name === server)
}

function mcpSetting({ configs, default_config }: McpToolset, name: string): ToolSetting {
  const { enabled, permission_policy } = configs.find((config) => config.name === name) ?? default_config
  return { enabled, permission_policy }
}
