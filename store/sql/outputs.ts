import type { Kysely, Transaction } from 'kysely'
import type { FileMetadata } from '../../protocol/files.ts'
import type { OutputRecord, OutputRecords } from '../output-records.ts'
import type { FileRecord } from '../records.ts'
import { fileRecords } from './files.ts'
import type { Schema } from './schema.ts'
import { lockLive } from './sessions.ts'
import { inTransaction } from './transaction.ts'

export function outputRecords(database: Kysely<Schema>): OutputRecords {
  return {
    async of(sessionId) {
      const rows = await database
        .selectFrom('session_outputs')
        .selectAll()
        .where('session_id', '=', sessionId)
        .orderBy('path')
        .execute()
      return rows.map(({ path, signature, sha256, size, file_id }) => ({
        path,
        signature,
        sha256,
        size,
        fileId: file_id,
      }))
    },

    put: (sessionId, output, { before, file }) =>
      inTransaction(database, async (transaction) => {
        if (!(await isUnchanged(transaction, sessionId, output.path, before))) return false
        const replaced = before?.fileId && before.fileId !== output.fileId ? before.fileId : undefined
        const removed = replaced ? await takeFile(transaction, replaced) : undefined
        if (file) await fileRecords(transaction).insert(file)
        const { path, signature, sha256, size, fileId } = output
        const row = { session_id: sessionId, path, signature, sha256, size, file_id: fileId }
        // The session is locked: nobody inserts meanwhile. In PostgreSQL no constraint would see it, paths are too long.
        const { numUpdatedRows } = await transaction
          .updateTable('session_outputs')
          .set(row)
          .where('session_id', '=', sessionId)
          .where('path', '=', path)
          .executeTakeFirst()
        if (Number(numUpdatedRows) === 0) await transaction.insertInto('session_outputs').values(row).execute()
        return removed ? { removed } : {}
      }),

    remove: (sessionId, before) =>
      inTransaction(database, async (transaction) => {
        if (!(await isUnchanged(transaction, sessionId, before.path, before))) return false
        const removed = before.fileId ? await takeFile(transaction, before.fileId) : undefined
        await transaction
          .deleteFrom('session_outputs')
          .where('session_id', '=', sessionId)
          .where('path', '=', before.path)
          .execute()
        return removed ? { removed } : {}
      }),

    async deleteAll(sessionId) {
      await database.deleteFrom('session_outputs').where('session_id', '=', sessionId).execute()
    },
  }
}

async function isUnchanged(
  transaction: Transaction<Schema>,
  sessionId: string,
  path: string,
  before: OutputRecord | undefined,
): Promise<boolean> {
  // Of a session that is being deleted nothing may come back.
  if (!(await lockLive(transaction, sessionId))) return false
  const found = await transaction
    .selectFrom('session_outputs')
    .select(['signature', 'file_id'])
    .where('session_id', '=', sessionId)
    .where('path', '=', path)
    .executeTakeFirst()
  return found?.signature === before?.signature && (found?.file_id ?? null) === (before?.fileId ?? null)
}

/** Removes a file that may be gone already: its owner can delete it. */
async function takeFile(transaction: Transaction<Schema>, id: string): Promise<FileRecord | undefined> {
  const row = await transaction.deleteFrom('files').where('id', '=', id).returning(['body', 'blob']).executeTakeFirst()
  return row && { metadata: JSON.parse(row.body) as FileMetadata, blob: row.blob }
}
