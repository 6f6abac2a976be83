import { type Kysely, type Selectable, sql } from 'kysely'
import type { MemoryOperation, MemoryVersion } from '../../protocol/memory-versions.ts'
import type { MemoryVersionRecords } from '../memory-records.ts'
import type { MemorySchema } from './memory-tables.ts'
import type { Schema } from './schema.ts'
import { inTransaction } from './transaction.ts'

type Row = Omit<Selectable<MemorySchema['memory_versions']>, 'actor_id' | 'origin'>

const parsed = <T>(json: string | null): T | null => (json === null ? null : (JSON.parse(json) as T))

const read = (row: Row): MemoryVersion => ({
  id: row.id,
  type: 'memory_version',
  memory_id: row.memory_id,
  memory_store_id: row.store_id,
  operation: row.operation as MemoryOperation,
  path: row.path,
  content: parsed(row.content),
  content_sha256: row.sha256,
  content_size_bytes: row.size === null ? null : Number(row.size),
  created_at: row.created_at,
  created_by: parsed(row.created_by),
  redacted_at: row.redacted_at,
  redacted_by: parsed(row.redacted_by),
})

const columns = [
  ...['id', 'store_id', 'number', 'memory_id', 'operation', 'path', 'sha256', 'size', 'created_at'],
  ...['created_by', 'redacted_at', 'redacted_by'],
] as Exclude<keyof Row, 'content'>[]

export function memoryVersionRecords(database: Kysely<Schema>): MemoryVersionRecords {
  const find = async (from: Kysely<Schema>, storeId: string, id: string) => {
    const row = await from
      .selectFrom('memory_versions')
      .select([...columns, 'content'])
      .where('store_id', '=', storeId)
      .where('id', '=', id)
      .executeTakeFirst()
    return row && read(row)
  }

  return {
    get: (storeId, id) => find(database, storeId, id),

    async list(storeId, { limit, after, memoryId, operation, createdAt, withContent, ...actors }) {
      let query = database
        .selectFrom('memory_versions')
        .select(columns)
        .select(withContent ? 'content' : sql<null>`null`.as('content'))
        .where('store_id', '=', storeId)
      if (after !== undefined) query = query.where('number', '<', after)
      if (memoryId !== undefined) query = query.where('memory_id', '=', memoryId)
      if (operation !== undefined) query = query.where('operation', '=', operation)
      // Ids of different kinds never are the same, so one column holds them all.
      for (const actor of [actors.sessionId, actors.apiKeyId, actors.serviceAccountId]) {
        if (actor !== undefined) query = query.where('actor_id', '=', actor)
      }
      const { gte, lte } = createdAt ?? {}
      if (gte !== undefined) query = query.where('created_at', '>=', new Date(gte).toISOString())
      if (lte !== undefined) query = query.where('created_at', '<=', new Date(lte).toISOString())
      const rows = await query
        .orderBy('number', 'desc')
        .limit(limit + 1)
        .execute()
      const wanted = rows.slice(0, limit).map((row) => ({ number: Number(row.number), version: read(row) }))
      return { rows: wanted, more: rows.length > limit }
    },

    async redact(storeId, id, { actor, now }) {
      return inTransaction(database, async (transaction) => {
        // Takes the lock that every write of the store takes: the version cannot become the head meanwhile.
        await transaction.updateTable('memory_stores').set({ id: storeId }).where('id', '=', storeId).execute()
        const version = await find(transaction, storeId, id)
        if (!version || version.redacted_at) return version
        const head = await transaction
          .selectFrom('memories')
          .select('id')
          .where('version_id', '=', id)
          .executeTakeFirst()
        if (head) return 'head'
        await transaction
          .updateTable('memory_versions')
          .set({
            path: null,
            content: null,
            sha256: null,
            size: null,
            redacted_at: now,
            redacted_by: actor && JSON.stringify(actor),
          })
          .where('id', '=', id)
          .execute()
        return find(transaction, storeId, id)
      })
    },
  }
}
