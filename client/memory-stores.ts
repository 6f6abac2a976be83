import { conflict, notFound } from '../protocol/errors.ts'
import {
  createMemoryStore,
  type MemoryStore,
  memoryStoreListParams,
  updateMemoryStore,
} from '../protocol/memory-stores.ts'
import { parse } from '../protocol/parse.ts'
import type { Records } from '../store/records.ts'
import { createMemoriesApi } from './memories.ts'
import type { MemoryStoresApi } from './memory-api.ts'
import { createMemoryVersionsApi } from './memory-versions.ts'
import { pageAt, pageOf } from './pages.ts'

export function createMemoryStoresApi(records: Records): MemoryStoresApi {
  const stores = records.memoryStores

  async function find(id: string): Promise<MemoryStore> {
    const store = await stores.get(id)
    if (!store) throw notFound('memory store', id)
    return store
  }

  /** Stores what `next` makes of the store; what somebody else changed in between is the new base. */
  async function change(id: string, next: (store: MemoryStore) => MemoryStore): Promise<MemoryStore> {
    for (let tries = 0; tries < 20; tries++) {
      const store = await find(id)
      const changed = next(store)
      if (changed === store || (await stores.update(changed, store))) return changed
    }
    throw conflict(`memory store ${id} is being changed by others: try again`, { shouldRetry: true })
  }

  return {
    async create(input) {
      const store = createMemoryStore(input, new Date().toISOString())
      await stores.insert(store)
      return store
    },

    retrieve: find,

    update: (storeId, input) => change(storeId, (store) => updateMemoryStore(store, input, new Date().toISOString())),

    async list(input = {}) {
      const params = parse(memoryStoreListParams, input)
      const { rows, more } = await stores.list({
        limit: params.limit,
        ...pageAt('memory_stores', params.page),
        ...(params.created_at && { createdAt: params.created_at }),
        includeArchived: params.include_archived ?? false,
      })
      return pageOf('memory_stores', rows, more)
    },

    archive: (storeId) =>
      change(storeId, (store) => {
        if (store.archived_at) return store
        const now = new Date().toISOString()
        return { ...store, archived_at: now, updated_at: now }
      }),

    async delete(storeId) {
      if (!(await stores.delete(storeId))) throw notFound('memory store', storeId)
      return { id: storeId, type: 'memory_store_deleted' }
    },

    memories: createMemoriesApi(records, find),
    memoryVersions: createMemoryVersionsApi(records, find),
  }
}
