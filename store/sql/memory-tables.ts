import { type Kysely, sql } from 'kysely'
import type { Schema } from './schema.ts'

/** Rows of memory stores. Paths are compared by their bytes; contents are JSON strings, which hold every character. */
export interface MemorySchema {
  memory_stores: {
    id: string
    created_at: string
    archived_at: string | null
    /** Number of the newest version of its memories. */
    changes: number
    body: string
  }
  memories: {
    id: string
    store_id: string
    path: string
    content: string
    sha256: string
    size: number
    version_id: string
    created_at: string
    updated_at: string
  }
  memory_versions: {
    id: string
    store_id: string
    number: number
    memory_id: string
    operation: string
    path: string | null
    content: string | null
    sha256: string | null
    size: number | null
    created_at: string
    /** JSON, and what lists filter by: the actor's id. */
    created_by: string | null
    actor_id: string | null
    redacted_at: string | null
    redacted_by: string | null
    /** Name of the write that made it, when that may be repeated. */
    origin: string | null
  }
  session_memory_stores: { session_id: string; store_id: string }
}

/** Step of the schema: memory stores. */
export async function createMemoryTables({ schema }: Kysely<Schema>): Promise<void> {
  await schema
    .createTable('memory_stores')
    .addColumn('id', 'text', (column) => column.primaryKey())
    .addColumn('created_at', 'text', (column) => column.notNull())
    .addColumn('archived_at', 'text')
    .addColumn('changes', 'integer', (column) => column.notNull())
    .addColumn('body', 'text', (column) => column.notNull())
    .execute()
  await schema.createIndex('memory_stores_by_time').on('memory_stores').columns(['created_at', 'id']).execute()
  await schema
    .createIndex('memory_stores_live_by_time')
    .on('memory_stores')
    .columns(['created_at', 'id'])
    .where(sql<boolean>`archived_at is null`)
    .execute()
  await schema
    .createTable('memories')
    .addColumn('id', 'text', (column) => column.primaryKey())
    .addColumn('store_id', 'text', (column) => column.notNull())
    .addColumn('path', 'text', (column) => column.notNull())
    .addColumn('content', 'text', (column) => column.notNull())
    .addColumn('sha256', 'text', (column) => column.notNull())
    .addColumn('size', 'integer', (column) => column.notNull())
    .addColumn('version_id', 'text', (column) => column.notNull())
    .addColumn('created_at', 'text', (column) => column.notNull())
    .addColumn('updated_at', 'text', (column) => column.notNull())
    .addUniqueConstraint('memories_by_path', ['store_id', 'path'])
    .execute()
  await schema
    .createTable('memory_versions')
    .addColumn('id', 'text', (column) => column.primaryKey())
    .addColumn('store_id', 'text', (column) => column.notNull())
    .addColumn('number', 'integer', (column) => column.notNull())
    .addColumn('memory_id', 'text', (column) => column.notNull())
    .addColumn('operation', 'text', (column) => column.notNull())
    .addColumn('path', 'text')
    .addColumn('content', 'text')
    .addColumn('sha256', 'text')
    .addColumn('size', 'integer')
    .addColumn('created_at', 'text', (column) => column.notNull())
    .addColumn('created_by', 'text')
    .addColumn('actor_id', 'text')
    .addColumn('redacted_at', 'text')
    .addColumn('redacted_by', 'text')
    .addColumn('origin', 'text', (column) => column.unique())
    .addUniqueConstraint('memory_versions_by_number', ['store_id', 'number'])
    .execute()
  for (const column of ['memory_id', 'actor_id'] as const) {
    await schema
      .createIndex(`memory_versions_by_${column}`)
      .on('memory_versions')
      .columns(['store_id', column, 'number'])
      .execute()
  }
  // Which sessions have which stores attached.
  await schema
    .createTable('session_memory_stores')
    .addColumn('session_id', 'text', (column) => column.notNull())
    .addColumn('store_id', 'text', (column) => column.notNull())
    .addPrimaryKeyConstraint('session_memory_stores_key', ['store_id', 'session_id'])
    .execute()
  await schema
    .createIndex('session_memory_stores_by_session')
    .on('session_memory_stores')
    .column('session_id')
    .execute()
}
