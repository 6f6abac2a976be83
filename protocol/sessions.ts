/** Sessions and what is attached to them. Source: spec §6, §12. */
import { z } from 'zod'
import type { Agent } from './agents.ts'
import { type Budget, budgetParams } from './budgets.ts'
import { eventParams } from './events.ts'
import { limits } from './limits.ts'
import { metadataParams, metadataPatch } from './metadata.ts'
import { createdAtFilter, pageParams } from './pagination.ts'
import { isBranchName } from './repository-url.ts'
import { type SessionStatus, sessionStatuses } from './status.ts'
import type { SessionUsage } from './usage.ts'

/** The agent as a session runs it: a version with the session's overrides applied. Source: spec §6.1. */
export type SessionAgent = Omit<Agent, 'created_at' | 'updated_at' | 'archived_at' | 'metadata'>

export interface FileResource {
  id: string
  type: 'file'
  /** Id of the session's own copy, not of the upload. */
  file_id: string
  mount_path: string
  created_at: string
  updated_at: string
}

/** What of a repository is checked out: the newest of a branch, or a commit by its full name. Source: spec §12.1. */
export const repositoryCheckout = z.discriminatedUnion('type', [
  z.strictObject({
    type: z.literal('branch'),
    name: z.string().min(1).max(255).refine(isBranchName, 'is no name of a branch'),
  }),
  z.strictObject({
    type: z.literal('commit'),
    sha: z.string().regex(/^([0-9a-f]{40}|[0-9a-f]{64})$/i, 'must be the full name of a commit'),
  }),
])
export type RepositoryCheckout = z.infer<typeof repositoryCheckout>

/** A git repository; its token is in no answer. Source: spec §12.2. */
export interface RepositoryResource {
  id: string
  type: 'github_repository'
  url: string
  mount_path: string
  checkout?: RepositoryCheckout
  created_at: string
  updated_at: string
}

/** A memory store; name and description are those of the moment of its attachment. Source: spec §12.2. */
export interface MemoryStoreResource {
  type: 'memory_store'
  memory_store_id: string
  access: 'read_write' | 'read_only'
  instructions: string | null
  name: string
  description: string
  mount_path: string
}

export type SessionResource = FileResource | RepositoryResource | MemoryStoreResource

export interface Session {
  id: string
  type: 'session'
  status: SessionStatus
  agent: SessionAgent
  environment_id: string
  title: string | null
  metadata: Record<string, string>
  resources: SessionResource[]
  vault_ids: string[]
  budget: Budget | null
  usage: SessionUsage
  stats: { active_seconds: number; duration_seconds: number }
  outcome_evaluations: never[]
  deployment_id: string | null
  created_at: string
  updated_at: string
  archived_at: string | null
}

export const agentReference = z.strictObject({
  type: z.literal('agent'),
  id: z.string().min(1),
  version: z.int().min(1).nullish(),
})
const agentWithOverrides = z.strictObject({
  type: z.literal('agent_with_overrides'),
  id: z.string().min(1),
  version: z.int().min(1).nullish(),
  // Checked with the agent's own rules once the base is known: omitted keeps, null clears, a value replaces.
  model: z.unknown().optional(),
  system: z.unknown().optional(),
  tools: z.unknown().optional(),
  mcp_servers: z.unknown().optional(),
  skills: z.unknown().optional(),
})

const mountPath = z.string().min(1).max(1024)
export const fileResourceParams = z.strictObject({
  type: z.literal('file'),
  file_id: z.string().min(1),
  mount_path: mountPath.nullish(),
})
export type FileResourceParams = z.infer<typeof fileResourceParams>
/** The token becomes part of a header. */
export const authorizationToken = z
  .string()
  .min(1)
  .max(4096)
  .regex(/^[\x21-\x7e]+$/, 'must be printable ASCII without spaces')
export const repositoryResourceParams = z.strictObject({
  type: z.literal('github_repository'),
  url: z.string().min(1).max(2048),
  authorization_token: authorizationToken.nullish(),
  mount_path: mountPath.nullish(),
  checkout: repositoryCheckout.nullish(),
})
export type RepositoryResourceParams = z.infer<typeof repositoryResourceParams>
export const memoryStoreResourceParams = z.strictObject({
  type: z.literal('memory_store'),
  memory_store_id: z.string().min(1),
  access: z.enum(['read_write', 'read_only']).nullish(),
  instructions: z.string().max(4096).nullish(),
  /** The older name of `instructions`. Source: the chapter, spec §0.4. */
  prompt: z.string().max(4096).nullish(),
})
export const resourceParams = z.discriminatedUnion('type', [
  fileResourceParams,
  repositoryResourceParams,
  memoryStoreResourceParams,
])
export type ResourceParams = z.infer<typeof resourceParams>

export const sessionCreateParams = z.strictObject({
  agent: z.union([z.string().min(1), z.discriminatedUnion('type', [agentReference, agentWithOverrides])]),
  environment_id: z.string().min(1),
  title: z.string().max(limits.sessionTitle).nullish(),
  metadata: metadataParams.nullish(),
  resources: z.array(resourceParams).nullish(),
  vault_ids: z.array(z.string()).max(limits.vaultsPerSession).nullish(),
  initial_events: z.array(eventParams).max(limits.initialEvents).nullish(),
  budget: budgetParams.nullish(),
})
export type SessionCreateParams = z.input<typeof sessionCreateParams>

export const sessionUpdateParams = z.strictObject({
  title: z.string().max(limits.sessionTitle).nullish(),
  metadata: metadataPatch.nullish(),
  /** Checked with the agent's own rules: `tools` and `mcp_servers` are replaced whole. Source: spec §6.4. */
  agent: z.strictObject({ tools: z.unknown().optional(), mcp_servers: z.unknown().optional() }).optional(),
  budget: budgetParams.nullish(),
  vault_ids: z.unknown().optional(),
})
export type SessionUpdateParams = z.input<typeof sessionUpdateParams>

/** Only a repository has something to update: its token. Source: spec §12.3. */
export const resourceUpdateParams = z.strictObject({ authorization_token: authorizationToken })
export const resourceListParams = pageParams('sessionResources')
export type ResourceListParams = z.input<typeof resourceListParams>

export const sessionListParams = pageParams('sessions').extend({
  agent_id: z.string().optional(),
  agent_version: z.int().min(1).optional(),
  deployment_id: z.string().optional(),
  memory_store_id: z.string().optional(),
  statuses: z.array(z.enum(sessionStatuses)).optional(),
  order: z.enum(['asc', 'desc']).optional(),
  include_archived: z.boolean().optional(),
  created_at: createdAtFilter.optional(),
})
export type SessionListParams = z.input<typeof sessionListParams>
