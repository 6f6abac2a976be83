/** MCP servers of an agent and the toolsets that use them. Source: spec §3.2. */
import { z } from 'zod'
import { invalidRequest } from './errors.ts'
import { limits } from './limits.ts'
import type { AgentTool } from './tools.ts'

export interface McpServer {
  type: 'url'
  name: string
  url: string
}

export const mcpServerParams = z
  .array(
    z.strictObject({
      type: z.literal('url'),
      name: z.string().min(1).max(255),
      url: z.url({ protocol: /^https?$/, error: 'must be an http or https URL' }).max(2048),
    }),
  )
  .max(limits.mcpServers)

/** Every server has a name of its own and a toolset, every toolset its server. Throws a 400 that names the entry. */
export function checkMcpServers(servers: McpServer[], tools: AgentTool[]): void {
  const names = new Set<string>()
  for (const [index, { name }] of servers.entries()) {
    if (names.has(name)) throw invalidRequest(`mcp_servers.${index}.name: "${name}" is used twice`)
    names.add(name)
  }
  const used = new Set<string>()
  for (const [index, tool] of tools.entries()) {
    if (tool.type !== 'mcp_toolset') continue
    const where = `tools.${index}.mcp_server_name`
    const { mcp_server_name: name } = tool
    if (!names.has(name)) throw invalidRequest(`${where}: "${name}" is none of mcp_servers`)
    if (used.has(name)) throw invalidRequest(`${where}: "${name}" has an mcp_toolset already`)
    used.add(name)
  }
  const idle = servers.findIndex(({ name }) => !used.has(name))
  if (idle >= 0) {
    throw invalidRequest(
      `mcp_servers.${idle}: no mcp_toolset in tools uses "${servers[idle]!.name}"; add one or leave the server out`,
    )
  }
}
