/** Agents: versioned configurations. Source: spec §3. */
import { isDeepStrictEqual } from 'node:util'
import { z } from 'zod'
import { conflict, invalidRequest } from './errors.ts'
import { newId } from './ids.ts'
import { limits } from './limits.ts'
import { checkMcpServers, type McpServer, mcpServerParams } from './mcp-servers.ts'
import { metadataParams, metadataPatch, patchMetadata } from './metadata.ts'
import { type Effort, modelInfo } from './models.ts'
import { createdAtFilter, pageParams } from './pagination.ts'
import { parse } from './parse.ts'
import type { SessionAgent } from './sessions.ts'
import { type AgentSkill, resolveSkills, skillReferences } from './skills.ts'
import { type AgentTool, builtinSetting, resolveTools, toolParams } from './tools.ts'
import { refuseUnsupportedAgent } from './unsupported.ts'

export interface AgentModel {
  id: string
  effort: { type: Effort }
  speed: 'standard' | 'fast'
}

export interface Agent {
  id: string
  type: 'agent'
  version: number
  name: string
  description: string | null
  model: AgentModel
  system: string | null
  tools: AgentTool[]
  mcp_servers: McpServer[]
  skills: AgentSkill[]
  multiagent: null
  execution_identity: { type: 'service_account' }
  metadata: Record<string, string>
  created_at: string
  updated_at: string
  archived_at: string | null
}

const effort = z.enum(['low', 'medium', 'high', 'xhigh', 'max'])
const modelId = z.string().min(1).max(256)
const modelParams = z.union(
  [
    modelId,
    z.strictObject({
      id: modelId,
      effort: z
        .union([effort, z.strictObject({ type: effort })], { error: 'must be low, medium, high, xhigh or max' })
        .nullish(),
      speed: z.enum(['standard', 'fast']).nullish(),
      inference_geo: z.string().nullish(),
    }),
  ],
  { error: modelProblem },
)
type ModelParams = z.output<typeof modelParams>

const name = z.string().min(1).max(limits.agentName)
const description = z.string().max(limits.agentDescription)
const system = z.string().max(limits.system)
const tools = z.array(toolParams).max(limits.tools)
/** Parts of which no more than their presence is checked: see unsupported.ts. */
const unbuilt = {
  multiagent: z.unknown().optional(),
  execution_identity: z
    .discriminatedUnion('type', [
      z.strictObject({ type: z.literal('service_account') }),
      z.strictObject({ type: z.literal('aws_role'), role_arn: z.string().min(1).max(2048) }),
    ])
    .nullish(),
}

export const agentCreateParams = z.strictObject({
  name,
  model: modelParams,
  description: description.nullish(),
  system: system.nullish(),
  tools: tools.nullish(),
  mcp_servers: mcpServerParams.nullish(),
  skills: skillReferences.nullish(),
  metadata: metadataParams.nullish(),
  ...unbuilt,
})
export type AgentCreateParams = z.input<typeof agentCreateParams>

export const agentUpdateParams = z.strictObject({
  version: z.int().min(1).optional(),
  name: name.optional(),
  model: modelParams.optional(),
  description: description.nullish(),
  system: system.nullish(),
  tools: tools.nullish(),
  mcp_servers: mcpServerParams.nullish(),
  skills: skillReferences.nullish(),
  metadata: metadataPatch.nullish(),
  ...unbuilt,
})
export type AgentUpdateParams = z.input<typeof agentUpdateParams>

export const agentListParams = pageParams('agents').extend({
  created_at: createdAtFilter.pick({ gte: true, lte: true }).optional(),
  include_archived: z.boolean().optional(),
})
export type AgentListParams = z.input<typeof agentListParams>
export const agentVersionListParams = pageParams('agentVersions')
export type AgentVersionListParams = z.input<typeof agentVersionListParams>

/** A new agent, version 1. Throws a 400 that names what is wrong. */
export function createAgent(input: AgentCreateParams, now: string): Agent {
  const params = parse(agentCreateParams, input)
  const model = resolveModel(params.model)
  const parts = resolveParts(params)
  return {
    id: newId('agent'),
    type: 'agent',
    version: 1,
    name: params.name,
    description: params.description || null,
    model,
    system: params.system || null,
    ...parts,
    multiagent: null,
    execution_identity: { type: 'service_account' },
    metadata: params.metadata ?? {},
    created_at: now,
    updated_at: now,
    archived_at: null,
  }
}

/**
 * The next version of an agent, or the agent itself when nothing changes. Source: spec §3.8.
 * @throws ApiError 409 when `version` is given and is not the newest, 400 for an archived agent
 */
export function updateAgent(agent: Agent, input: AgentUpdateParams, now: string): Agent {
  const params = parse(agentUpdateParams, input)
  if (agent.archived_at) throw invalidRequest(`agent ${agent.id} is archived and cannot be changed`)
  if (params.version !== undefined && params.version !== agent.version) {
    throw conflict(`agent ${agent.id} is at version ${agent.version}, not ${params.version}: retrieve it and try again`)
  }
  const changed: Agent = {
    ...agent,
    name: params.name ?? agent.name,
    description: params.description === undefined ? agent.description : params.description || null,
    model: params.model === undefined ? agent.model : resolveModel(params.model, agent.model),
    system: params.system === undefined ? agent.system : params.system || null,
    ...resolveParts(params, agent),
    metadata: params.metadata ? patchMetadata(agent.metadata, params.metadata) : agent.metadata,
  }
  if (isDeepStrictEqual(changed, agent)) return agent
  return { ...changed, version: agent.version + 1, updated_at: now }
}

/** An agent's fields as a session shows them. */
export function sessionAgent(agent: Agent): SessionAgent {
  const { created_at: _created, updated_at: _updated, archived_at: _archived, metadata: _metadata, ...rest } = agent
  return rest
}

const overrideParams = z.strictObject({
  model: modelParams.nullish(),
  system: system.nullish(),
  tools: tools.nullish(),
  mcp_servers: mcpServerParams.nullish(),
  skills: skillReferences.nullish(),
})

/**
 * An agent with a session's overrides: omitted inherits, null or empty clears, a value replaces. Source: spec §6.2.
 * @throws ApiError 400, `agent_model_required` for a model of null
 */
export function applyOverrides(agent: Agent, input: unknown): SessionAgent {
  const params = parse(overrideParams, input, 'agent')
  if (params.model === null) throw invalidRequest('agent.model: cannot be cleared', { code: 'agent_model_required' })
  return {
    ...sessionAgent(agent),
    // The effort of an override is ignored: the model's own default counts.
    ...(params.model !== undefined && {
      model: { ...resolveModel(params.model), effort: defaultEffort(params.model) },
    }),
    ...(params.system !== undefined && { system: params.system || null }),
    ...resolveParts(params, agent),
  }
}

const sessionAgentChange = z.strictObject({ tools: tools.nullish(), mcp_servers: mcpServerParams.nullish() })

/**
 * A session's agent with other tools or servers: what is given replaces the whole list. Source: spec §6.4.
 * @throws ApiError 400
 */
export function updatedSessionAgent(agent: SessionAgent, input: unknown): SessionAgent {
  return { ...agent, ...resolveParts(parse(sessionAgentChange, input, 'agent'), agent) }
}

type Parts = Omit<z.output<typeof overrideParams>, 'system'> & Partial<z.output<z.ZodObject<typeof unbuilt>>>

/** Tools, servers and skills, which must fit each other: those given, else those before. */
function resolveParts(
  params: Parts,
  before?: Pick<SessionAgent, 'tools' | 'mcp_servers' | 'skills'>,
): Pick<Agent, 'tools' | 'mcp_servers' | 'skills'> {
  const tools = params.tools === undefined && before ? before.tools : resolveTools(params.tools ?? [])
  const servers = params.mcp_servers === undefined && before ? before.mcp_servers : (params.mcp_servers ?? [])
  checkMcpServers(servers, tools)
  const model = typeof params.model === 'object' ? params.model : null
  refuseUnsupportedAgent({ ...params, model, tools, mcp_servers: servers })
  const skills = params.skills === undefined && before ? before.skills : resolveSkills(params.skills ?? [])
  if (skills.length > 0 && !builtinSetting(tools, 'read')?.enabled) {
    throw invalidRequest(
      'skills: an agent with skills needs the built-in tool "read" (agent_toolset_20260401), enabled',
    )
  }
  return { tools, mcp_servers: servers, skills }
}

function resolveModel(params: ModelParams, before?: AgentModel): AgentModel {
  const given = typeof params === 'string' ? { id: params } : params
  const { id, speed, effort: level } = given as Exclude<ModelParams, string>
  if (speed === 'fast' && !modelInfo(id).supportsFast) throw invalidRequest(`model.speed: ${id} has no fast mode`)
  // Only the effort outlives a replaced model, and only with the same id. Source: spec §3.3.
  const kept = before?.id === id ? before.effort : defaultEffort(id)
  return {
    id,
    effort: level == null ? kept : { type: typeof level === 'string' ? level : level.type },
    speed: speed ?? 'standard',
  }
}

function defaultEffort(model: ModelParams): AgentModel['effort'] {
  return { type: modelInfo(typeof model === 'string' ? model : model.id).defaultEffort }
}

/** What is wrong inside a model object; "invalid input" would leave the reader guessing. */
function modelProblem(issue: { code?: string; errors?: z.core.$ZodIssue[][]; input?: unknown }): string {
  if (typeof issue.input === 'string') return 'must be 1 to 256 characters'
  if (typeof issue.input !== 'object' || issue.input === null) return 'must be a model id or an object with one'
  const inner = issue.errors?.[1] ?? []
  return inner.map(({ path, message }) => [path.join('.'), message].filter(Boolean).join(': ')).join('; ')
}
