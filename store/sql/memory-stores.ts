import type { Kysely } from 'kysely'
import type { MemoryStore } from '../../protocol/memory-stores.ts'
import type { MemoryStoreRecords } from '../memory-records.ts'
import { page } from './pages.ts'
import type { Schema } from './schema.ts'
import { inTransaction } from './transaction.ts'

const row = (store: MemoryStore) => ({
  id: store.id,
  created_at: store.created_at,
  archived_at: store.archived_at,
  body: JSON.stringify(store),
})

export function memoryStoreRecords(database: Kysely<Schema>): MemoryStoreRecords {
  return {
    async insert(store) {
      await database
        .insertInto('memory_stores')
        .values({ ...row(store), changes: 0 })
        .execute()
    },
    async get(id) {
      const found = await database.selectFrom('memory_stores').select('body').where('id', '=', id).executeTakeFirst()
      return found && (JSON.parse(found.body) as MemoryStore)
    },
    async update(store, before) {
      const { numUpdatedRows } = await database
        .updateTable('memory_stores')
        .set(row(store))
        .where('id', '=', before.id)
        .where('body', '=', JSON.stringify(before))
        .executeTakeFirst()
      return Number(numUpdatedRows) === 1
    },
    async delete(id) {
      return inTransaction(database, async (transaction) => {
        // First, so that a write that comes at the same time finds no store.
        const { numDeletedRows } = await transaction.deleteFrom('memory_stores').where('id', '=', id).executeTakeFirst()
        await transaction.deleteFrom('memories').where('store_id', '=', id).execute()
        await transaction.deleteFrom('memory_versions').where('store_id', '=', id).execute()
        return Number(numDeletedRows) === 1
      })
    },
    async list(query) {
      const all = database.selectFrom('memory_stores').select(['id', 'created_at', 'body'])
      const { rows, more } = await page(query.includeArchived ? all : all.where('archived_at', 'is', null), query)
      return { rows: rows.map(({ body }) => JSON.parse(body) as MemoryStore), more }
    },
    async changes(ids) {
      if (ids.length === 0) return new Map()
      const rows = await database.selectFrom('memory_stores').select(['id', 'changes']).where('id', 'in', ids).execute()
      return new Map(rows.map(({ id, changes }) => [id, Number(changes)]))
    },
  }
}
