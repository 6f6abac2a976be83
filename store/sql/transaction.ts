import { setTimeout as sleep } from 'node:timers/promises'
import { type Kysely, PostgresAdapter, type SelectQueryBuilder, sql, type Transaction } from 'kysely'
import { RecordsUnavailable } from '../records-unavailable.ts'
import type { Schema } from './schema.ts'

/**
 * The database has undone a transaction for a reason that is not the transaction's own, such as a deadlock or a lost
 * connection: it may be made once more.
 */
export class TransactionUndone extends RecordsUnavailable {}

const mostAttempts = 6

/**
 * Does all of the work or nothing. Work that reads before it writes locks first what it goes by: by writing to a row, as
 * it is, which keeps SQLite's other writers away, and PostgreSQL's from that row. From then on it reads the newest state.
 * @param work may be called again, when what it did before was undone
 */
export async function inTransaction<T>(
  database: Kysely<Schema>,
  work: (transaction: Transaction<Schema>) => Promise<T>,
): Promise<T> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await database.transaction().execute(work)
    } catch (error) {
      if (!(error instanceof TransactionUndone) || attempt === mostAttempts) throw error
      // Apart, so that those that were in each other's way are not again.
      await sleep(Math.random() * 10 * 2 ** attempt)
    }
  }
}

/** Names what only one transaction at a time does: any numbers that others will hardly use. */
export const alone = { migrate: 4_686_520_157, countClocks: 4_686_520_158 }

/** Waits until nobody else is at the same, and keeps others away until the end. SQLite has one writer anyway. */
export async function lockOut(transaction: Kysely<Schema>, what: number): Promise<void> {
  if (isPostgres(transaction)) await sql`select pg_advisory_xact_lock(${sql.lit(what)})`.execute(transaction)
}

/**
 * The rows of a query, which nobody changes until the transaction ends, though others may keep them, too: for what is
 * needed by many at the same time. In SQLite the transaction has to have written something before.
 */
export const kept = <T extends keyof Schema, O>(
  transaction: Transaction<Schema>,
  query: SelectQueryBuilder<Schema, T, O>,
): Promise<O[]> => (isPostgres(transaction) ? query.forShare() : query).execute() as Promise<O[]>

export const isPostgres = (database: Kysely<Schema>) => database.getExecutor().adapter instanceof PostgresAdapter
