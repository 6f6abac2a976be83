/** Memory stores: named collections of text that outlast a session. Source: spec §17.1. */
import { isDeepStrictEqual } from 'node:util'
import { z } from 'zod'
import { invalidRequest } from './errors.ts'
import { newId } from './ids.ts'
import { metadataParams, metadataPatch, patchMetadata } from './metadata.ts'
import { createdWithin, pageParams } from './pagination.ts'
import { parse } from './parse.ts'

export interface MemoryStore {
  id: string
  type: 'memory_store'
  name: string
  /** Empty when unset. */
  description: string
  metadata: Record<string, string>
  created_at: string
  /** Writing memories does not change it; archiving does. */
  updated_at: string
  archived_at: string | null
}

const name = z
  .string()
  .min(1)
  .max(255)
  .refine((text) => !/\p{Cc}/u.test(text), 'must not have control characters')
const description = z.string().max(1024)

export const memoryStoreCreateParams = z.strictObject({
  name,
  description: description.nullish(),
  metadata: metadataParams.nullish(),
})
export type MemoryStoreCreateParams = z.input<typeof memoryStoreCreateParams>

export const memoryStoreUpdateParams = z.strictObject({
  name: name.nullish(),
  description: description.nullish(),
  metadata: metadataPatch.nullish(),
})
export type MemoryStoreUpdateParams = z.input<typeof memoryStoreUpdateParams>

export const memoryStoreListParams = pageParams('memoryStores').extend({
  include_archived: z.boolean().optional(),
  created_at: createdWithin.optional(),
})
export type MemoryStoreListParams = z.input<typeof memoryStoreListParams>

export function createMemoryStore(input: MemoryStoreCreateParams, now: string): MemoryStore {
  const params = parse(memoryStoreCreateParams, input)
  return {
    id: newId('memoryStore'),
    type: 'memory_store',
    name: params.name,
    description: params.description ?? '',
    metadata: params.metadata ?? {},
    created_at: now,
    updated_at: now,
    archived_at: null,
  }
}

/**
 * The store after an update, or itself when nothing changes.
 * @throws ApiError 400 `memory_store_archived`
 */
export function updateMemoryStore(store: MemoryStore, input: MemoryStoreUpdateParams, now: string): MemoryStore {
  const params = parse(memoryStoreUpdateParams, input)
  if (store.archived_at) throw memoryStoreArchived(store.id)
  const changed: MemoryStore = {
    ...store,
    name: params.name ?? store.name,
    description: params.description === undefined ? store.description : (params.description ?? ''),
    metadata: params.metadata ? patchMetadata(store.metadata, params.metadata) : store.metadata,
  }
  return isDeepStrictEqual(changed, store) ? store : { ...changed, updated_at: now }
}

/** 400: an archived store takes no change. Source: spec §17.1; the status is not stated. */
export const memoryStoreArchived = (id: string, where = '') =>
  invalidRequest(`${where}memory store ${id} is archived`, { code: 'memory_store_archived' })
