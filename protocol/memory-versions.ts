/** Versions: every change of a memory, and who made it. Source: spec §17.4, §17.6. */
import { z } from 'zod'
import { memoryView } from './memories.ts'
import { createdWithin, pageParams } from './pagination.ts'

export type MemoryActor =
  | { type: 'session_actor'; session_id: string }
  | { type: 'api_actor'; api_key_id: string }
  | { type: 'user_actor'; user_id: string }
  | { type: 'service_account_actor'; service_account_id: string }

const operation = z.enum(['created', 'modified', 'deleted'])
export type MemoryOperation = z.infer<typeof operation>

export interface MemoryVersion {
  id: string
  type: 'memory_version'
  memory_id: string
  memory_store_id: string
  operation: MemoryOperation
  /** Null once redacted. */
  path: string | null
  /** Null for a deletion, once redacted, and in the basic view. So are, but for the view, hash and size. */
  content: string | null
  content_sha256: string | null
  content_size_bytes: number | null
  created_at: string
  created_by: MemoryActor | null
  redacted_at: string | null
  redacted_by: MemoryActor | null
}

export const memoryVersionListParams = pageParams('memoryVersions').extend({
  memory_id: z.string().optional(),
  operation: operation.optional(),
  session_id: z.string().optional(),
  api_key_id: z.string().optional(),
  service_account_id: z.string().optional(),
  created_at: createdWithin.optional(),
  view: memoryView.optional(),
})
export type MemoryVersionListParams = z.input<typeof memoryVersionListParams>
