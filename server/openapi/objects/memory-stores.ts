import { z } from 'zod'
import { archivable, metadata, time, times } from './common.ts'

/** Source: spec §17.1. */
export const memoryStore = z
  .looseObject({
    id: z.string(),
    type: z.literal('memory_store'),
    name: z.string(),
    description: z.string(),
    metadata,
    ...archivable,
  })
  .meta({ id: 'MemoryStore' })

/** Source: spec §17.2. */
export const memory = z
  .looseObject({
    id: z.string(),
    type: z.literal('memory'),
    memory_store_id: z.string(),
    path: z.string(),
    content: z.string().nullable(),
    content_sha256: z.string(),
    content_size_bytes: z.int(),
    memory_version_id: z.string(),
    ...times,
  })
  .meta({ id: 'Memory' })
export const memoryListItem = z.discriminatedUnion('type', [
  memory,
  z.looseObject({ type: z.literal('memory_prefix'), path: z.string() }),
])

const actor = z.looseObject({ type: z.string() }).nullable()
/** Source: spec §17.4. */
export const memoryVersion = z
  .looseObject({
    id: z.string(),
    type: z.literal('memory_version'),
    memory_id: z.string(),
    memory_store_id: z.string(),
    operation: z.enum(['created', 'modified', 'deleted']),
    path: z.string().nullable(),
    content: z.string().nullable(),
    content_sha256: z.string().nullable(),
    content_size_bytes: z.int().nullable(),
    created_at: time,
    created_by: actor,
    redacted_at: time.nullable(),
    redacted_by: actor,
  })
  .meta({ id: 'MemoryVersion' })
