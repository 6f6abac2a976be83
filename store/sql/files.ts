import type { Kysely, Transaction } from 'kysely'
import type { FileMetadata } from '../../protocol/files.ts'
import type { FileCopy, FileRecord, FileRecords } from '../records.ts'
import { page } from './pages.ts'
import type { Schema } from './schema.ts'
import { inTransaction, kept } from './transaction.ts'

const read = ({ body, blob }: { body: string; blob: string }): FileRecord => ({
  metadata: JSON.parse(body) as FileMetadata,
  blob,
})

async function insert(to: Kysely<Schema>, { metadata, blob }: FileRecord): Promise<void> {
  const { id, created_at, scope } = metadata
  const body = JSON.stringify(metadata)
  await to
    .insertInto('files')
    .values({ id, created_at, scope: scope?.id ?? null, blob, body, due_at: scope ? null : metadata.expires_at })
    .execute()
}

/** See `FileRecords.insertCopy`. */
export async function insertCopy(transaction: Transaction<Schema>, { copy, of }: FileCopy): Promise<boolean> {
  // First, for SQLite's lock.
  await insert(transaction, copy)
  // Who deletes it meanwhile, and counts then who else has its content, sees the copy.
  const shared = transaction.selectFrom('files').select('id').where('id', '=', of).where('blob', '=', copy.blob)
  if ((await kept(transaction, shared)).length > 0) return true
  await transaction.deleteFrom('files').where('id', '=', copy.metadata.id).execute()
  return false
}

export function fileRecords(database: Kysely<Schema>): FileRecords {
  return {
    insert: (file) => insert(database, file),
    insertCopy: (copy) => inTransaction(database, (transaction) => insertCopy(transaction, copy)),
    async get(id) {
      const row = await database.selectFrom('files').select(['body', 'blob']).where('id', '=', id).executeTakeFirst()
      return row && read(row)
    },
    async getMany(ids) {
      if (ids.length === 0) return []
      const rows = await database.selectFrom('files').select(['body', 'blob']).where('id', 'in', ids).execute()
      return rows.map(read)
    },
    async delete(id) {
      const { numDeletedRows } = await database.deleteFrom('files').where('id', '=', id).executeTakeFirst()
      return Number(numDeletedRows) === 1
    },
    async list({ scope, ...query }) {
      const all = database.selectFrom('files').select(['id', 'created_at', 'body', 'blob'])
      const scoped = scope === undefined ? all.where('scope', 'is', null) : all.where('scope', '=', scope)
      const { rows, more } = await page(scoped, query)
      return { rows: rows.map(read), more }
    },
    async due(at, limit) {
      const rows = await database
        .selectFrom('files')
        .select(['body', 'blob'])
        .where('due_at', '<=', at)
        .orderBy('due_at')
        .limit(limit)
        .execute()
      return rows.map(read)
    },
    async dropContent(id, rowDueAt) {
      await database.updateTable('files').set({ blob: '', due_at: rowDueAt }).where('id', '=', id).execute()
    },
    async countByBlob(blob) {
      const { count } = await database
        .selectFrom('files')
        .select((row) => row.fn.countAll().as('count'))
        .where('blob', '=', blob)
        .executeTakeFirstOrThrow()
      return Number(count)
    },
  }
}
