import { z } from 'zod'
import { notFound } from '../protocol/errors.ts'
import {
  inView,
  type MemoryListItem,
  memoryCreateParams,
  memoryDeleteParams,
  memoryListParams,
  memoryUpdateParams,
  memoryViewParams,
  pageLimit,
} from '../protocol/memories.ts'
import { behindPrefix } from '../protocol/memory-path.ts'
import type { MemoryStore } from '../protocol/memory-stores.ts'
import { decodePage, encodePage } from '../protocol/pagination.ts'
import { parse } from '../protocol/parse.ts'
import type { MemoryAuthor } from '../store/memory-records.ts'
import type { Records } from '../store/records.ts'
import type { MemoriesApi, MemoryCallOptions } from './memory-api.ts'
import { memoryError } from './memory-errors.ts'

export function createMemoriesApi({ memories }: Records, findStore: (id: string) => Promise<MemoryStore>): MemoriesApi {
  return {
    async create(storeId, input, options) {
      const { path, content, view = 'basic' } = parse(memoryCreateParams, input)
      const written = await memories.create(storeId, { path, content: content ?? '' }, author(options))
      if (written.outcome !== 'written') throw memoryError(written, storeId)
      return inView(written.memory, view)
    },

    async retrieve(memoryId, { memory_store_id: storeId, ...input }) {
      const { view = 'full' } = parse(memoryViewParams, input)
      const memory = await memories.get(storeId, memoryId)
      if (memory) return inView(memory, view)
      await findStore(storeId)
      throw notFound('memory', memoryId)
    },

    async update(memoryId, { memory_store_id: storeId, ...input }, options) {
      const { path, content, precondition, view = 'basic' } = parse(memoryUpdateParams, input)
      const change = {
        ...(path != null && { path }),
        ...(content != null && { content }),
        ...(precondition && { expectedSha256: precondition.content_sha256 }),
      }
      const written = await memories.update(storeId, memoryId, change, author(options))
      if (written.outcome !== 'written') throw memoryError(written, storeId, memoryId)
      return inView(written.memory, view)
    },

    async list(storeId, input = {}) {
      const params = parse(memoryListParams, input)
      const view = params.view ?? 'basic'
      const limit = pageLimit(params.limit, view)
      await findStore(storeId)
      const prefix = params.path_prefix ?? '/'
      const list = `memories/${storeId}`
      const from = params.page ? positionOf(list, params.page) : undefined
      const found = await memories.paths(storeId, { prefix, ...(from && { from }) })
      const places = params.depth === 1 ? rolledUp(prefix, found) : found
      const page = places.slice(0, limit)
      const ids = page.flatMap((place) => place.id ?? [])
      const known = new Map((await memories.getMany(storeId, ids)).map((memory) => [memory.id, memory]))
      const data = page.flatMap(({ id, path }): MemoryListItem[] => {
        if (id === undefined) return [{ type: 'memory_prefix', path }]
        const memory = known.get(id)
        return memory ? [inView(memory, view)] : []
      })
      const last = page.at(-1)
      return { data, next_page: last && places.length > limit ? encodePage(list, { path: last.path }) : null }
    },

    async delete(memoryId, { memory_store_id: storeId, ...input }, options) {
      const { expected_content_sha256: sha256 } = parse(memoryDeleteParams, input)
      const deleted = await memories.delete(storeId, memoryId, { ...(sha256 && { sha256 }) }, author(options))
      if (deleted.outcome !== 'deleted') throw memoryError(deleted, storeId, memoryId)
      return { id: memoryId, type: 'memory_deleted' }
    },
  }
}

export function author(options: MemoryCallOptions = {}): MemoryAuthor {
  return { actor: options.actor ?? null, now: new Date().toISOString() }
}

/** Behind a memory, or behind all that a prefix stands for. */
function positionOf(list: string, page: string): { path: string; inclusive: boolean } {
  const { path } = decodePage(list, page, { path: z.string().startsWith('/') })
  return path.endsWith('/') ? { path: behindPrefix(path), inclusive: true } : { path, inclusive: false }
}

/** The children of a prefix; what lies deeper is one place for each child that it lies below. */
function rolledUp(prefix: string, memories: { id: string; path: string }[]): { id?: string; path: string }[] {
  const places: { id?: string; path: string }[] = []
  for (const memory of memories) {
    const slash = memory.path.indexOf('/', prefix.length)
    const folder = slash < 0 ? undefined : memory.path.slice(0, slash + 1)
    if (folder === undefined) places.push(memory)
    else if (places.at(-1)?.path !== folder) places.push({ path: folder })
  }
  return places
}
