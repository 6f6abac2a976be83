import { type Kysely, sql } from 'kysely'
import type { FileMetadata } from '../../protocol/files.ts'
import { createDeploymentTables } from './deployment-tables.ts'
import { createMemoryTables } from './memory-tables.ts'
import type { Schema } from './schema.ts'
import { createSkillTables } from './skill-tables.ts'
import { alone, inTransaction, isPostgres, lockOut } from './transaction.ts'
import { createVaultTables } from './vault-tables.ts'

type Step = (database: Kysely<Schema>) => Promise<void>

/** The steps to today's schema, in order; what is here is never changed, only added to. */
const steps: Step[] = [
  async (database) => {
    const { schema } = database
    await schema
      .createTable('agents')
      .addColumn('id', 'text', (column) => column.primaryKey())
      .addColumn('created_at', 'text', (column) => column.notNull())
      .addColumn('archived_at', 'text')
      .addColumn('version', 'integer', (column) => column.notNull())
      .execute()
    await schema.createIndex('agents_by_time').on('agents').columns(['created_at', 'id']).execute()
    await schema
      .createTable('agent_versions')
      .addColumn('agent_id', 'text', (column) => column.notNull())
      .addColumn('version', 'integer', (column) => column.notNull())
      .addColumn('body', 'text', (column) => column.notNull())
      .addPrimaryKeyConstraint('agent_versions_key', ['agent_id', 'version'])
      .execute()
    await schema
      .createTable('environments')
      .addColumn('id', 'text', (column) => column.primaryKey())
      .addColumn('created_at', 'text', (column) => column.notNull())
      .addColumn('archived_at', 'text')
      .addColumn('body', 'text', (column) => column.notNull())
      .execute()
    await schema.createIndex('environments_by_time').on('environments').columns(['created_at', 'id']).execute()
    await schema
      .createTable('files')
      .addColumn('id', 'text', (column) => column.primaryKey())
      .addColumn('created_at', 'text', (column) => column.notNull())
      .addColumn('scope', 'text')
      .addColumn('blob', 'text', (column) => column.notNull())
      .addColumn('body', 'text', (column) => column.notNull())
      .execute()
    await schema.createIndex('files_by_time').on('files').columns(['scope', 'created_at', 'id']).execute()
    await schema.createIndex('files_by_blob').on('files').column('blob').execute()
    await schema
      .createTable('sessions')
      .addColumn('id', 'text', (column) => column.primaryKey())
      .addColumn('created_at', 'text', (column) => column.notNull())
      .addColumn('archived_at', 'text')
      .addColumn('deleted_at', 'text')
      .addColumn('environment_id', 'text', (column) => column.notNull())
      .addColumn('agent_id', 'text', (column) => column.notNull())
      .addColumn('agent_version', 'integer', (column) => column.notNull())
      .addColumn('idempotency_key', 'text', (column) => column.unique())
      .addColumn('revision', 'integer', (column) => column.notNull())
      .addColumn('body', 'text', (column) => column.notNull())
      .execute()
    await schema.createIndex('sessions_by_time').on('sessions').columns(['created_at', 'id']).execute()
    await schema.createIndex('sessions_by_agent').on('sessions').columns(['agent_id', 'created_at', 'id']).execute()
    await schema.createIndex('sessions_by_environment').on('sessions').column('environment_id').execute()
    await schema
      .createTable('session_configurations')
      .addColumn('session_id', 'text', (column) => column.notNull())
      .addColumn('revision', 'integer', (column) => column.notNull())
      .addColumn('body', 'text', (column) => column.notNull())
      .addPrimaryKeyConstraint('session_configurations_key', ['session_id', 'revision'])
      .execute()
  },
  // Lists leave archived objects out: without an index of the others a page would read through all of them.
  async ({ schema }) => {
    for (const table of ['agents', 'environments'] as const) {
      await schema
        .createIndex(`${table}_live_by_time`)
        .on(table)
        .columns(['created_at', 'id'])
        .where(sql<boolean>`archived_at is null`)
        .execute()
    }
    await schema
      .createIndex('sessions_live_by_time')
      .on('sessions')
      .columns(['created_at', 'id'])
      .where(sql<boolean>`archived_at is null and deleted_at is null`)
      .execute()
  },
  createMemoryTables,
  async ({ schema }) => {
    await schema
      .createTable('session_secrets')
      .addColumn('session_id', 'text', (column) => column.notNull())
      .addColumn('resource_id', 'text', (column) => column.notNull())
      .addColumn('sealed', 'text', (column) => column.notNull())
      .addPrimaryKeyConstraint('session_secrets_key', ['session_id', 'resource_id'])
      .execute()
  },
  // Which files show what sessions left in their outputs folders.
  async (database) => {
    const { schema } = database
    const table = schema
      .createTable('session_outputs')
      .addColumn('session_id', 'text', (column) => column.notNull())
      .addColumn('path', 'text', (column) => column.notNull())
      .addColumn('signature', 'text', (column) => column.notNull())
      .addColumn('sha256', 'text')
      .addColumn('size', 'integer', (column) => column.notNull())
      .addColumn('file_id', 'text')
    if (!isPostgres(database)) {
      await table.addPrimaryKeyConstraint('session_outputs_key', ['session_id', 'path']).execute()
      return
    }
    // Paths may have 4,095 bytes, rows of its ordered indexes some 2,700.
    await table.execute()
    await schema.createIndex('session_outputs_by_session').on('session_outputs').column('session_id').execute()
    await schema.createIndex('session_outputs_by_path').on('session_outputs').using('hash').column('path').execute()
  },
  // Expired files go. Copies of sessions live as long as the sessions.
  async (database) => {
    await database.schema.alterTable('files').addColumn('due_at', 'text').execute()
    const uploads = await database.selectFrom('files').select(['id', 'body']).where('scope', 'is', null).execute()
    for (const { id, body } of uploads) {
      const { expires_at } = JSON.parse(body) as FileMetadata
      if (expires_at) await database.updateTable('files').set({ due_at: expires_at }).where('id', '=', id).execute()
    }
    await database.schema
      .createIndex('files_by_due')
      .on('files')
      .column('due_at')
      .where(sql<boolean>`due_at is not null`)
      .execute()
  },
  createVaultTables,
  async ({ schema }) => {
    await schema
      .createTable('session_snapshots')
      .addColumn('session_id', 'text', (column) => column.primaryKey())
      .addColumn('body', 'text', (column) => column.notNull())
      .execute()
  },
  // Those that are to be erased are few among all.
  async ({ schema }) => {
    await schema
      .createIndex('sessions_by_deletion')
      .on('sessions')
      .columns(['id', 'deleted_at'])
      .where(sql<boolean>`deleted_at is not null`)
      .execute()
  },
  createSkillTables,
  createDeploymentTables,
]

/** The database was made by a newer version of Holdfast. */
export class DatabaseTooNew extends Error {
  override readonly name = 'DatabaseTooNew'
}

/**
 * Brings the schema up to date. Every step is one transaction together with its record, so a process that dies, or two
 * that start at once, leave it whole.
 * @param to the step to stop at, as an older version did. @default the newest
 * @throws DatabaseTooNew
 */
export async function migrate(database: Kysely<Schema>, to = steps.length): Promise<void> {
  await inTransaction(database, async (transaction) => {
    await lockOut(transaction, alone.migrate)
    await transaction.schema
      .createTable('migrations')
      .ifNotExists()
      .addColumn('version', 'integer', (column) => column.primaryKey())
      .addColumn('applied_at', 'text', (column) => column.notNull())
      .execute()
  })
  for (;;) {
    const version = await schemaVersion(database)
    if (version >= to) return
    await inTransaction(database, async (transaction) => {
      await lockOut(transaction, alone.migrate)
      // Takes SQLite's write lock before looking again: another process may have been faster.
      await sql`update migrations set applied_at = applied_at where version = 0`.execute(transaction)
      if ((await appliedVersion(transaction)) !== version) return
      await steps[version]!(transaction)
      await transaction
        .insertInto('migrations')
        .values({ version: version + 1, applied_at: new Date().toISOString() })
        .execute()
    })
  }
}

/**
 * The newest step that a database has taken, 0 for none.
 * @throws DatabaseTooNew
 */
export async function schemaVersion(database: Kysely<Schema>): Promise<number> {
  const version = await appliedVersion(database)
  if (version <= steps.length) return version
  throw new DatabaseTooNew(
    `the records are of schema ${version}, this version of Holdfast knows ${steps.length}: use the newer version that wrote them`,
  )
}

async function appliedVersion(database: Kysely<Schema>): Promise<number> {
  const { newest } = await database
    .selectFrom('migrations')
    .select((row) => row.fn.max('version').as('newest'))
    .executeTakeFirstOrThrow()
  return Number(newest ?? 0)
}
