import { type Kysely, sql } from 'kysely'
import { RecordsUnavailable } from '../records-unavailable.ts'
import { migrate, schemaVersion } from './migrations.ts'
import { describePostgres, openPostgres, type PostgresOptions } from './postgres.ts'
import type { Schema } from './schema.ts'

/**
 * Brings the schema of a database up to date, over a connection of its own: what a step takes is not bounded.
 * @throws DatabaseTooNew, or Error that says where the database is and why it cannot be used
 */
export function preparePostgres(options: PostgresOptions): Promise<void> {
  return using({ ...options, statementMs: false }, async (database) => {
    const { encoding } = await settingsOf(database)
    if (encoding !== 'UTF8') {
      throw new Error(
        `records: ${describePostgres(options.url)} is encoded in ${encoding}: create one with ENCODING 'UTF8'`,
      )
    }
    await migrate(database)
  })
}

/**
 * Looks at a database and changes nothing.
 * @param options.patienceMs how long to wait for it
 * @returns what it is, for people
 * @throws DatabaseTooNew, or Error that says where the database is and why it cannot be used
 */
export function examinePostgres(options: PostgresOptions): Promise<string> {
  return using(options, async (database) => {
    const { version, encoding } = await settingsOf(database)
    const { rows } = await sql<{ used: boolean }>`select to_regclass('migrations') is not null as used`.execute(
      database,
    )
    const state = rows[0]?.used ? `schema ${await schemaVersion(database)}` : 'nothing in it yet'
    return `PostgreSQL ${version}, ${describePostgres(options.url)}, ${encoding}, ${state}`
  })
}

async function using<T>(options: PostgresOptions, work: (database: Kysely<Schema>) => Promise<T>): Promise<T> {
  const database = openPostgres({ ...options, connections: 1 })
  try {
    return await work(database)
  } catch (error) {
    if (!(error instanceof RecordsUnavailable)) throw error
    throw new Error(`records: ${describePostgres(options.url)} cannot be used: ${reasonOf(error.cause)}`, {
      cause: error,
    })
  } finally {
    await database.destroy()
  }
}

async function settingsOf(database: Kysely<Schema>): Promise<{ version: string; encoding: string }> {
  const { rows } = await sql<{ version: string; encoding: string }>`
    select current_setting('server_version') as version, current_setting('server_encoding') as encoding
  `.execute(database)
  return rows[0]!
}

/** What the database, the driver or the network said. A host of several addresses fails in several ways at once. */
function reasonOf(error: unknown): string {
  const { message, errors } = error as AggregateError
  return message || (errors?.length ? reasonOf(errors[0]) : String(error))
}
