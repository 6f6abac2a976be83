import type { Kysely } from 'kysely'
import { behindPrefix } from '../../protocol/memory-path.ts'
import type { MemoryRecords, MemoryRefusal, MemoryWritten } from '../memory-records.ts'
import { MemoryTransaction, Refused, readMemory } from './memory-transaction.ts'
import type { Schema } from './schema.ts'
import { inTransaction } from './transaction.ts'

export function memoryRecords(database: Kysely<Schema>): MemoryRecords {
  /** One write of a store at a time; a rule that says no undoes it. */
  async function write<T>(
    storeId: string,
    { archived = false }: { archived?: boolean },
    work: (transaction: MemoryTransaction) => Promise<T>,
  ): Promise<T | MemoryRefusal> {
    try {
      return await inTransaction(database, async (transaction) => {
        // Locked before it is read.
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
      return refusalOf(error)
    }
  }

  /** Several writes in one transaction. A rule says no before anything was changed, so the others stand. */
  async function writeMany<C, T>(
    storeId: string,
    changes: C[],
    work: (transaction: MemoryTransaction, change: C) => Promise<T>,
  ): Promise<(T | MemoryRefusal)[]> {
    const outcomes = await write(storeId, {}, async (transaction) => {
      const made: (T | MemoryRefusal)[] = []
      for (const change of changes) made.push(await work(transaction, change).catch(refusalOf))
      return made
    })
    return Array.isArray(outcomes) ? outcomes : changes.map(() => outcomes)
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

    async heads(storeId, page) {
      let query = all(storeId).select(['id', 'path', 'sha256', 'version_id']).orderBy('path')
      if (page?.after !== undefined) query = query.where('path', '>', page.after)
      if (page) query = query.limit(page.limit)
      const rows = await query.execute()
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

    delete: (storeId, id, { sha256 }, author) =>
      write(storeId, { archived: true }, async (transaction) => {
        const before = await transaction.byId(id)
        if (!before) throw new Refused({ outcome: 'no_memory' })
        if ((sha256 ?? before.content_sha256) !== before.content_sha256) {
          throw new Refused({ outcome: 'precondition_failed' })
        }
        await transaction.remove(before, author)
        return { outcome: 'deleted' as const }
      }),

    putMany: (storeId, memories, author) =>
      writeMany(storeId, memories, async (transaction, { path, content, origin }) => {
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

    deleteMany: (storeId, memories, author) =>
      writeMany(storeId, memories, async (transaction, { id, versionId }) => {
        const before = await transaction.byId(id)
        if (!before) throw new Refused({ outcome: 'no_memory' })
        if (before.memory_version_id !== versionId) throw new Refused({ outcome: 'precondition_failed' })
        await transaction.remove(before, author)
        return { outcome: 'deleted' as const }
      }),
  }
}

function refusalOf(error: unknown): MemoryRefusal {
  if (error instanceof Refused) return error.refusal
  throw error
}
