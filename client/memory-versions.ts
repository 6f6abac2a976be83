import { z } from 'zod'
import { conflict, notFound } from '../protocol/errors.ts'
import { inView, memoryViewParams, pageLimit } from '../protocol/memories.ts'
import type { MemoryStore } from '../protocol/memory-stores.ts'
import { memoryVersionListParams } from '../protocol/memory-versions.ts'
import { decodePage, encodePage } from '../protocol/pagination.ts'
import { parse } from '../protocol/parse.ts'
import type { Records } from '../store/records.ts'
import { author } from './memories.ts'
import type { MemoryVersionsApi } from './memory-api.ts'

const nothing = z.strictObject({})

export function createMemoryVersionsApi(
  { memoryVersions }: Records,
  findStore: (id: string) => Promise<MemoryStore>,
): MemoryVersionsApi {
  return {
    async list(storeId, input = {}) {
      const { limit, page, view = 'basic', created_at, ...filters } = parse(memoryVersionListParams, input)
      await findStore(storeId)
      const list = `memory_versions/${storeId}`
      const after = page === undefined ? undefined : decodePage(list, page, { number: z.int() }).number
      const { rows, more } = await memoryVersions.list(storeId, {
        limit: pageLimit(limit, view),
        withContent: view === 'full',
        ...(after !== undefined && { after }),
        ...(created_at && { createdAt: created_at }),
        ...(filters.memory_id !== undefined && { memoryId: filters.memory_id }),
        ...(filters.operation && { operation: filters.operation }),
        ...(filters.session_id !== undefined && { sessionId: filters.session_id }),
        ...(filters.api_key_id !== undefined && { apiKeyId: filters.api_key_id }),
        ...(filters.service_account_id !== undefined && { serviceAccountId: filters.service_account_id }),
      })
      const last = rows.at(-1)
      return {
        data: rows.map(({ version }) => version),
        next_page: more && last ? encodePage(list, { number: last.number }) : null,
      }
    },

    async retrieve(versionId, { memory_store_id: storeId, ...input }) {
      const { view = 'full' } = parse(memoryViewParams, input)
      const version = await memoryVersions.get(storeId, versionId)
      if (version) return inView(version, view)
      await findStore(storeId)
      throw notFound('memory version', versionId)
    },

    async redact(versionId, { memory_store_id: storeId, ...input }, options) {
      parse(nothing, input)
      const redacted = await memoryVersions.redact(storeId, versionId, author(options))
      if (redacted === 'head') {
        throw conflict(
          `memory version ${versionId} is what its memory has now: change or delete the memory first, then redact it`,
        )
      }
      if (redacted) return redacted
      await findStore(storeId)
      throw notFound('memory version', versionId)
    },
  }
}
