import type { Kysely } from 'kysely'
import { behindPrefix } from '../../protocol/memory-path.ts'
import type { MemoryRecords, MemoryRefusal, MemoryWritten } from '../memory-records.ts'
import { MemoryTransaction, Refused, readMemory } from './memory-transaction.ts'
import type { Schema } from './schema.ts'

export function memoryRecords(database: Kysely<Schema>): MemoryRecords {
  /** One write of a store at a time; a rule that says no undoes it. */
  async function write<T>(
    storeId: string,
    { archived = false }: { archived?: boolean },
    work: (transaction: MemoryTransaction) => Promise<T>,
  ): Promise<T | MemoryRefusal> {
    try {
      return await database.transaction().execute(async (transaction) => {
        // Takes the write lock before reading.
        await transaction.updateTable('memory_stores').set({ id: storeId }).where('id', '=', storeId).execute()
        const store = await transaction
          .selectFrom('memory_stores')
          .select(['changes', 'archived_at'])
          .where('id', '=', storeId)
          .executeTakeFirst()
        if (!store) throw new Refused({ outcome: 'no_store' })
        if (store.archived_at !== null && !archived) throw new Refused({ outcome: 'store_archived' })
        return await work(new MemoryTransaction(transaction, storeId, Number(store.changes)))
      })
    } catch (error) {
      if (error instanceof Refused) return error.refusal
      throw error
    }
  }

  const all = (storeId: string) => database.selectFrom('memories').where('store_id', '=', storeId)

  return {
    async get(storeId, id) {
      const row = await all(storeId).selectAll().where('id', '=', id).executeTakeFirst()
      return row && readMemory(row)
    },

    async getMany(storeId, ids) {
      if (ids.length === 0) return []
      // Asked for the store as well, SQLite goes through all of its memories.
      const rows = await database.selectFrom('memories').selectAll().where('id', 'in', ids).execute()
      return rows.filter((row) => row.store_id === storeId).map(readMemory)
    },

    async heads(storeId) {
      const rows = await all(storeId).select(['id', 'path', 'sha256', 'version_id']).orderBy('path').execute()
      return rows.map(({ id, path, sha256, version_id }) => ({ id, path, sha256, versionId: version_id }))
    },

    async paths(storeId, { prefix, from }) {
      let query = all(storeId)
        .select(['id', 'path'])
        .where('path', '>=', prefix)
        .where('path', '<', behindPrefix(prefix))
      if (from) query = query.where('path', from.inclusive ? '>=' : '>', from.path)
      return query.orderBy('path').execute()
    },

    create: (storeId, { path, content }, author) =>
      write<MemoryWritten>(storeId, {}, async (transaction) => ({
        outcome: 'written',
        memory: await transaction.insert(path, content, author),
        changed: true,
      })),

    update: (storeId, id, { path, content, expectedSha256 }, author) =>
      write<MemoryWritten>(storeId, {}, async (transaction) => {
        const before = await transaction.byId(id)
        if (!before) throw new Refused({ outcome: 'no_memory' })
        const wanted = { path: path ?? before.path, content: content ?? before.content }
        // Before the precondition: what is already as asked for needs none. Source: spec §17.3.
        if (wanted.path === before.path && wanted.content === before.content) {
          return { outcome: 'written', memory: before, changed: false }
        }
        if (expectedSha256 !== undefined && before.content_sha256 !== expectedSha256) {
          throw new Refused({ outcome: 'precondition_failed' })
        }
        return { outcome: 'written', memory: await transaction.change(before, wanted, author), changed: true }
      }),

    put: (storeId, { path, content, origin }, author) =>
      write(storeId, {}, async (transaction) => {
        const made = await transaction.madeBy(origin)
        if (made) return { outcome: 'written' as const, ...made }
        const before = await transaction.byPath(path)
        const isSame = before?.content === content
        const memory = isSame
          ? before
          : before
            ? await transaction.change(before, { path, content }, author, origin)
            : await transaction.insert(path, content, author, origin)
        return { outcome: 'written' as const, memoryId: memory.id, versionId: memory.memory_version_id }
      }),

    delete: (storeId, id, { sha256, versionId, storeLive = false }, author) =>
      write(storeId, { archived: !storeLive }, async (transaction) => {
        const before = await transaction.byId(id)
        if (!before) throw new Refused({ outcome: 'no_memory' })
        const { content_sha256, memory_version_id } = before
        if ((sha256 ?? content_sha256) !== content_sha256 || (versionId ?? memory_version_id) !== memory_version_id) {
          throw new Refused({ outcome: 'precondition_failed' })
        }
        await transaction.remove(before, author)
        return { outcome: 'deleted' as const }
      }),
  }
}
