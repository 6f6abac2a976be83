/**
 * What the API has and this version does not: refused with a 400, never silently dropped. One line each; a line goes
 * when its feature is there. Everything is checked by the API's own rules first.
 */

import type { CloudConfig, EnvironmentConfig } from './environments.ts'
import { notSupported } from './errors.ts'
import type { McpServer } from './mcp-servers.ts'
import type { AgentTool, BuiltinToolConfig } from './tools.ts'

/** Returns the path of what cannot be had, or nothing. */
type Rule<T> = (object: T) => string | false | 0 | undefined

export interface AgentParts {
  tools: AgentTool[]
  mcp_servers: McpServer[]
  skills?: { type: string; skill_id: string }[] | null
  multiagent?: unknown
  execution_identity?: { type: string } | null
  model?: { inference_geo?: string | null } | null
}

const ofAgents: Rule<AgentParts>[] = [
  (agent) => agent.multiagent != null && 'multiagent',
  ({ skills }) => foreign(skills ?? []),
  (agent) => agent.execution_identity?.type === 'aws_role' && 'execution_identity of type aws_role',
  (agent) => agent.model?.inference_geo != null && 'model.inference_geo',
  (agent) => tool(agent, judged, 'the permission policy "auto"'),
]

const ofEnvironments: Rule<EnvironmentConfig>[] = [({ type }) => type === 'self_hosted' && 'config of type self_hosted']

/** Source: spec §1. */
const ofPaths: [path: RegExp, what: string][] = [[/^\/v1\/environments\/[^/]+\/work(\/|$)/, 'environments.work']]

/** @throws ApiError 400 `not_supported` for an endpoint that the API has */
export function refuseUnsupportedPath(path: string): void {
  const [, what] = ofPaths.find(([pattern]) => pattern.test(path)) ?? []
  if (what) throw notSupported(what)
}

/** @throws ApiError 400 `not_supported` */
export const refuseUnsupportedAgent = (agent: AgentParts): void => refuse(ofAgents, agent)
/**
 * Searches need a provider. A toolset that does not name `web_search` is just not offered it.
 * @throws ApiError 400 `not_supported`
 */
export function refuseSearch({ tools }: { tools: AgentTool[] }): void {
  const index = tools.findIndex(offers('web_search'))
  if (index >= 0)
    throw notSupported(`tools.${index}: web_search without a search provider (web.search in temporal.config.ts)`)
}

/** @throws ApiError 400 `not_supported` */
export function refuseUnsupportedConfig(config: EnvironmentConfig): asserts config is CloudConfig {
  refuse(ofEnvironments, config)
}

function refuse<T>(rules: Rule<T>[], object: T): void {
  for (const rule of rules) {
    const what = rule(object)
    if (what) throw notSupported(what)
  }
}

function tool({ tools }: AgentParts, matches: (tool: AgentTool) => boolean, what: string): string | undefined {
  const index = tools.findIndex(matches)
  return index < 0 ? undefined : `tools.${index}: ${what}`
}

/** Skills that come with the hosted API: here there are none but the user's own. */
function foreign(skills: { type: string; skill_id: string }[]): string | undefined {
  const index = skills.findIndex(({ type }) => type === 'anthropic')
  return index < 0 ? undefined : `skills.${index}: the skill "${skills[index]!.skill_id}" of type anthropic`
}

function judged(entry: AgentTool): boolean {
  if (entry.type === 'custom') return false
  return [entry.default_config, ...entry.configs].some((setting) => setting.permission_policy.type === 'auto')
}

/** Named and enabled; a toolset that does not name it is just not offered it. */
function offers(name: BuiltinToolConfig['name']): (entry: AgentTool) => boolean {
  return (entry) =>
    entry.type === 'agent_toolset_20260401' && entry.configs.some((config) => config.name === name && config.enabled)
}
