import { type Kysely, sql, type Transaction } from 'kysely'
import { openDatabase, type RecordsOptions } from '../open-records.ts'
import { storedKey } from './credentials.ts'
import type { Schema } from './schema.ts'
import { inTransaction } from './transaction.ts'

type Table = Exclude<keyof Schema, 'migrations'>

/** Every table, with the columns that tell its rows apart. */
const tables: { [T in Table]: readonly (keyof Schema[T] & string)[] } = {
  agents: ['id'],
  agent_versions: ['agent_id', 'version'],
  deployments: ['id'],
  deployment_runs: ['id'],
  environments: ['id'],
  files: ['id'],
  sessions: ['id'],
  session_configurations: ['session_id', 'revision'],
  session_memory_stores: ['store_id', 'session_id'],
  session_outputs: ['session_id', 'path'],
  session_secrets: ['session_id', 'resource_id'],
  session_snapshots: ['session_id'],
  session_skills: ['session_id', 'version_id'],
  memory_stores: ['id'],
  memories: ['id'],
  memory_versions: ['id'],
  skills: ['id'],
  skill_versions: ['id'],
  vaults: ['id'],
  vault_credentials: ['id'],
}
const names = Object.keys(tables) as Table[]

/** Rows that are in memory at once: each may be as large as a request. */
const rowsAtOnce = 100

/** There are records already where others were to be copied to. */
export class RecordsNotEmpty extends Error {
  override readonly name = 'RecordsNotEmpty'

  constructor(table: string) {
    super(`there are records already where these are to go (in ${table}): give an empty database`)
  }
}

/**
 * Copies all records, as they are at one moment, into another database: all or, whatever happens, none of them. Both get
 * today's schema; the source is not changed otherwise.
 * @param copied is told of each table how many rows it had; all over again when the target had undone what was written
 * @returns how many rows there are
 * @throws RecordsNotEmpty, and what `openRecords` throws
 */
export async function copyRecords(
  { from, to }: { from: RecordsOptions; to: RecordsOptions },
  copied: (table: string, rows: number) => void = () => {},
): Promise<number> {
  await using source = closing(await openDatabase(from))
  await using target = closing(await openDatabase(to))
  return await source.database
    .transaction()
    .setIsolationLevel('repeatable read')
    .execute((reading) =>
      inTransaction(target.database, async (writing) => {
        for (const table of names) await refuseRows(writing, table)
        let all = 0
        for (const table of names) {
          const rows = await copyTable(table, reading, writing)
          copied(table, rows)
          all += rows
        }
        return all
      }),
    )
}

async function refuseRows(writing: Transaction<Schema>, table: Table): Promise<void> {
  if (await writing.selectFrom(table).select(sql`1`.as('one')).limit(1).executeTakeFirst()) {
    throw new RecordsNotEmpty(table)
  }
}

/** A row as it is stored today: SQLite has some that PostgreSQL would not take. */
function asStored(table: Table, row: Record<string, unknown>): Record<string, unknown> {
  return table === 'vault_credentials' ? { ...row, key: storedKey(row.key as string) } : row
}

async function copyTable(table: Table, reading: Transaction<Schema>, writing: Transaction<Schema>): Promise<number> {
  const key: readonly string[] = tables[table]
  const columns = sql.join(key.map((column) => sql.ref(column)))
  let count = 0
  for (let last: Record<string, unknown> | undefined; ; ) {
    const after = last ? sql`where (${columns}) > (${sql.join(key.map((column) => last![column]))})` : sql``
    const page = sql<Record<string, unknown>>`
      select * from ${sql.table(table)} ${after} order by ${columns} limit ${rowsAtOnce}
    `
    const { rows } = await page.execute(reading)
    if (rows.length > 0)
      await writing
        .insertInto(table)
        .values(rows.map((row) => asStored(table, row)) as never)
        .execute()
    count += rows.length
    last = rows.at(-1)
    if (rows.length < rowsAtOnce) return count
  }
}

const closing = (database: Kysely<Schema>) => ({
  database,
  [Symbol.asyncDispose]: () => database.destroy(),
})
