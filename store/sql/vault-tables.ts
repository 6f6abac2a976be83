import { type Kysely, sql } from 'kysely'

export interface VaultSchema {
  vaults: { id: string; created_at: string; archived_at: string | null; body: string }
  vault_credentials: {
    id: string
    vault_id: string
    created_at: string
    archived_at: string | null
    /** What no two active credentials of a vault share. */
    key: string
    body: string
    sealed: string | null
    lease_holder: string | null
    /** Milliseconds since the epoch. */
    lease_until: number
  }
}

/** The step of the schema that brings vaults and their credentials. */
export async function createVaultTables<S extends VaultSchema>({ schema }: Kysely<S>): Promise<void> {
  const live = sql<boolean>`archived_at is null`
  await schema
    .createTable('vaults')
    .addColumn('id', 'text', (column) => column.primaryKey())
    .addColumn('created_at', 'text', (column) => column.notNull())
    .addColumn('archived_at', 'text')
    .addColumn('body', 'text', (column) => column.notNull())
    .execute()
  await schema.createIndex('vaults_by_time').on('vaults').columns(['created_at', 'id']).execute()
  await schema.createIndex('vaults_live_by_time').on('vaults').columns(['created_at', 'id']).where(live).execute()
  await schema
    .createTable('vault_credentials')
    .addColumn('id', 'text', (column) => column.primaryKey())
    .addColumn('vault_id', 'text', (column) => column.notNull())
    .addColumn('created_at', 'text', (column) => column.notNull())
    .addColumn('archived_at', 'text')
    .addColumn('key', 'text', (column) => column.notNull())
    .addColumn('body', 'text', (column) => column.notNull())
    .addColumn('sealed', 'text')
    .addColumn('lease_holder', 'text')
    .addColumn('lease_until', 'bigint', (column) => column.notNull().defaultTo(0))
    .execute()
  await schema
    .createIndex('vault_credentials_by_time')
    .on('vault_credentials')
    .columns(['vault_id', 'created_at', 'id'])
    .execute()
  await schema
    .createIndex('vault_credentials_live_by_key')
    .unique()
    .on('vault_credentials')
    .columns(['vault_id', 'key'])
    .where(live)
    .execute()
}
