import { z } from 'zod'
import { sessionStatuses } from '../../../protocol/status.ts'
import { sessionAgent, threadAgent } from './agents.ts'
import { archivable, metadata, times } from './common.ts'

export const fileResource = z
  .looseObject({ id: z.string(), type: z.literal('file'), file_id: z.string(), mount_path: z.string(), ...times })
  .meta({ id: 'FileResource' })
const checkout = z.discriminatedUnion('type', [
  z.looseObject({ type: z.literal('branch'), name: z.string() }),
  z.looseObject({ type: z.literal('commit'), sha: z.string() }),
])
export const repositoryResource = z
  .looseObject({
    id: z.string(),
    type: z.literal('github_repository'),
    url: z.string(),
    mount_path: z.string(),
    checkout: checkout.optional(),
    ...times,
  })
  .meta({ id: 'RepositoryResource' })
export const memoryStoreResource = z
  .looseObject({
    type: z.literal('memory_store'),
    memory_store_id: z.string(),
    access: z.enum(['read_write', 'read_only']),
    instructions: z.string().nullable(),
    name: z.string(),
    description: z.string(),
    mount_path: z.string(),
  })
  .meta({ id: 'MemoryStoreResource' })
export const sessionResource = z
  .discriminatedUnion('type', [fileResource, repositoryResource, memoryStoreResource])
  .meta({ id: 'SessionResource' })

/** Source: spec §14.2. */
export const sessionUsage = z
  .looseObject({
    input_tokens: z.int(),
    output_tokens: z.int(),
    cache_read_input_tokens: z.int(),
    cache_creation_input_tokens: z.int(),
    cache_creation: z.looseObject({ ephemeral_5m_input_tokens: z.int(), ephemeral_1h_input_tokens: z.int() }),
    server_tool_use: z.looseObject({ web_search_requests: z.int(), web_fetch_requests: z.int() }),
    active_seconds: z.number(),
  })
  .meta({ id: 'SessionUsage' })

const status = z.enum(sessionStatuses)
const stats = z.looseObject({ active_seconds: z.number(), duration_seconds: z.number() })

/** Source: spec §6.1. */
export const session = z
  .looseObject({
    id: z.string(),
    type: z.literal('session'),
    status,
    agent: sessionAgent,
    environment_id: z.string(),
    title: z.string().nullable(),
    metadata,
    resources: z.array(sessionResource),
    vault_ids: z.array(z.string()),
    budget: z.unknown(),
    usage: sessionUsage,
    stats,
    outcome_evaluations: z.array(z.unknown()),
    deployment_id: z.string().nullable(),
    ...archivable,
  })
  .meta({ id: 'Session' })

/** Source: spec §13.4. */
export const sessionThread = z
  .looseObject({
    id: z.string(),
    type: z.literal('session_thread'),
    session_id: z.string(),
    parent_thread_id: z.null(),
    agent: threadAgent,
    status,
    workflow_run_id: z.null(),
    stats: stats.nullable(),
    usage: sessionUsage.nullable(),
    ...archivable,
  })
  .meta({ id: 'SessionThread' })
