import type {
  Memory,
  MemoryCreateParams,
  MemoryDeleteParams,
  MemoryListItem,
  MemoryListParams,
  MemoryUpdateParams,
  MemoryView,
} from '../protocol/memories.ts'
import type {
  MemoryStore,
  MemoryStoreCreateParams,
  MemoryStoreListParams,
  MemoryStoreUpdateParams,
} from '../protocol/memory-stores.ts'
import type { MemoryActor, MemoryVersion, MemoryVersionListParams } from '../protocol/memory-versions.ts'
import type { Page } from '../protocol/pagination.ts'

/** Who a change of a memory is ascribed to. */
export interface MemoryCallOptions {
  /** @default nobody: the version's `created_by` or `redacted_by` is null */
  actor?: MemoryActor
}

/** Memory stores. Source: spec §17. */
export interface MemoryStoresApi {
  create(params: MemoryStoreCreateParams): Promise<MemoryStore>
  retrieve(storeId: string): Promise<MemoryStore>
  update(storeId: string, params: MemoryStoreUpdateParams): Promise<MemoryStore>
  list(params?: MemoryStoreListParams): Promise<Page<MemoryStore>>
  archive(storeId: string): Promise<MemoryStore>
  /** Also deletes its memories and their versions, also while sessions have it attached. */
  delete(storeId: string): Promise<{ id: string; type: 'memory_store_deleted' }>
  memories: MemoriesApi
  memoryVersions: MemoryVersionsApi
}

/** The store's id stands in the parameters, as in the official SDK. */
export interface MemoriesApi {
  create(storeId: string, params: MemoryCreateParams, options?: MemoryCallOptions): Promise<Memory>
  retrieve(memoryId: string, params: { memory_store_id: string; view?: MemoryView }): Promise<Memory>
  update(
    memoryId: string,
    params: MemoryUpdateParams & { memory_store_id: string },
    options?: MemoryCallOptions,
  ): Promise<Memory>
  list(storeId: string, params?: MemoryListParams): Promise<Page<MemoryListItem>>
  delete(
    memoryId: string,
    params: MemoryDeleteParams & { memory_store_id: string },
    options?: MemoryCallOptions,
  ): Promise<{ id: string; type: 'memory_deleted' }>
}

export interface MemoryVersionsApi {
  list(storeId: string, params?: MemoryVersionListParams): Promise<Page<MemoryVersion>>
  retrieve(versionId: string, params: { memory_store_id: string; view?: MemoryView }): Promise<MemoryVersion>
  redact(versionId: string, params: { memory_store_id: string }, options?: MemoryCallOptions): Promise<MemoryVersion>
}
