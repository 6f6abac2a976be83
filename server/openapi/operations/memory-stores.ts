import {
  memoryCreateParams,
  memoryDeleteParams,
  memoryListParams,
  memoryUpdateParams,
  memoryViewParams,
} from '../../../protocol/memories.ts'
import {
  memoryStoreCreateParams,
  memoryStoreListParams,
  memoryStoreUpdateParams,
} from '../../../protocol/memory-stores.ts'
import { memoryVersionListParams } from '../../../protocol/memory-versions.ts'
import { memory, memoryListItem, memoryStore, memoryVersion } from '../objects/memory-stores.ts'
import { deleted, json, type Operation, page } from '../operation.ts'

const store = '/v1/memory_stores/{id}'
const one = `${store}/memories/{memory}`
const version = `${store}/memory_versions/{version}`

/** Source: spec §17. */
export const memoryStoreOperations: Operation[] = [
  {
    id: 'memoryStores.create',
    method: 'POST',
    path: '/v1/memory_stores',
    summary: 'Creates a memory store',
    body: memoryStoreCreateParams,
    answer: json(memoryStore),
  },
  {
    id: 'memoryStores.list',
    method: 'GET',
    path: '/v1/memory_stores',
    summary: 'Lists memory stores, newest first',
    query: memoryStoreListParams,
    answer: page(memoryStore),
  },
  { id: 'memoryStores.retrieve', method: 'GET', path: store, summary: 'A memory store', answer: json(memoryStore) },
  {
    id: 'memoryStores.update',
    method: 'POST',
    path: store,
    summary: 'Changes a memory store',
    body: memoryStoreUpdateParams,
    answer: json(memoryStore),
  },
  {
    id: 'memoryStores.delete',
    method: 'DELETE',
    path: store,
    summary: 'Deletes a memory store with its memories and their versions',
    answer: deleted('memory_store_deleted'),
  },
  {
    id: 'memoryStores.archive',
    method: 'POST',
    path: `${store}/archive`,
    summary: 'Archives a memory store: it stays readable',
    answer: json(memoryStore),
  },
  {
    id: 'memoryStores.memories.create',
    method: 'POST',
    path: `${store}/memories`,
    summary: 'Writes a memory at a path that has none',
    query: memoryViewParams,
    body: memoryCreateParams,
    answer: json(memory),
  },
  {
    id: 'memoryStores.memories.list',
    method: 'GET',
    path: `${store}/memories`,
    summary: 'Lists memories by path',
    query: memoryListParams,
    answer: page(memoryListItem),
  },
  {
    id: 'memoryStores.memories.retrieve',
    method: 'GET',
    path: one,
    summary: 'A memory',
    query: memoryViewParams,
    answer: json(memory),
  },
  {
    id: 'memoryStores.memories.update',
    method: 'POST',
    path: one,
    summary: 'Changes a memory, or moves it',
    query: memoryViewParams,
    body: memoryUpdateParams,
    answer: json(memory),
  },
  {
    id: 'memoryStores.memories.delete',
    method: 'DELETE',
    path: one,
    summary: 'Deletes a memory; its versions stay',
    query: memoryDeleteParams,
    answer: deleted('memory_deleted'),
  },
  {
    id: 'memoryStores.memoryVersions.list',
    method: 'GET',
    path: `${store}/memory_versions`,
    summary: 'Lists versions of memories, newest first',
    query: memoryVersionListParams,
    answer: page(memoryVersion),
  },
  {
    id: 'memoryStores.memoryVersions.retrieve',
    method: 'GET',
    path: version,
    summary: 'A version of a memory',
    query: memoryViewParams,
    answer: json(memoryVersion),
  },
  {
    id: 'memoryStores.memoryVersions.redact',
    method: 'POST',
    path: `${version}/redact`,
    summary: 'Removes the content of a version for good',
    answer: json(memoryVersion),
  },
]
