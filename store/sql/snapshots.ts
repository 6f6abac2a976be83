import type { Kysely } from 'kysely'
import type { Snapshot, SnapshotRecords } from '../snapshot-records.ts'
import type { Schema } from './schema.ts'
import { lockLive } from './sessions.ts'
import { inTransaction } from './transaction.ts'

export function snapshotRecords(database: Kysely<Schema>): SnapshotRecords {
  return {
    of: (sessionId) => find(database, sessionId),

    put: (sessionId, snapshot, before) =>
      inTransaction(database, async (transaction) => {
        // Of a session that is being deleted nothing may come back.
        if (!(await lockLive(transaction, sessionId))) return false
        const found = await find(transaction, sessionId)
        if (found?.sequence !== before) return false
        const row = { session_id: sessionId, body: JSON.stringify(snapshot) }
        await transaction
          .insertInto('session_snapshots')
          .values(row)
          .onConflict((conflict) => conflict.column('session_id').doUpdateSet(row))
          .execute()
        return true
      }),

    async delete(sessionId) {
      await database.deleteFrom('session_snapshots').where('session_id', '=', sessionId).execute()
    },
  }
}

async function find(database: Kysely<Schema>, sessionId: string): Promise<Snapshot | undefined> {
  const row = await database
    .selectFrom('session_snapshots')
    .select('body')
    .where('session_id', '=', sessionId)
    .executeTakeFirst()
  return row && (JSON.parse(row.body) as Snapshot)
}
