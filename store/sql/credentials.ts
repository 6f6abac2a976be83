import { createHash } from 'node:crypto'
import type { Kysely } from 'kysely'
import type { Credential } from '../../protocol/credentials.ts'
import type { CredentialRecords, StoredCredential } from '../vault-records.ts'
import { page } from './pages.ts'
import type { Schema } from './schema.ts'
import { inTransaction } from './transaction.ts'

const read = ({ body, sealed }: { body: string; sealed: string | null }): StoredCredential => ({
  credential: JSON.parse(body) as Credential,
  sealed,
})

/** Bytes of a key that are stored as they are. */
const mostKeyBytes = 1024

/** A key as it is stored: an index of PostgreSQL takes no row of more than some 2,700 bytes. */
export const storedKey = (key: string) =>
  Buffer.byteLength(key) <= mostKeyBytes ? key : `sha256 ${createHash('sha256').update(key).digest('hex')}`

export function credentialRecords(database: Kysely<Schema>): CredentialRecords {
  const find = async (from: Kysely<Schema>, id: string) => {
    const found = await from
      .selectFrom('vault_credentials')
      .select(['body', 'sealed'])
      .where('id', '=', id)
      .executeTakeFirst()
    return found && read(found)
  }
  /** Changes a row by what it is now, under its lock. */
  const change = (id: string, next: (stored: StoredCredential) => StoredCredential) =>
    inTransaction(database, async (transaction) => {
      await transaction.updateTable('vault_credentials').set({ id }).where('id', '=', id).execute()
      const before = await find(transaction, id)
      if (!before) return undefined
      const after = next(before)
      if (after === before) return before
      const { credential, sealed } = after
      await transaction
        .updateTable('vault_credentials')
        .set({ archived_at: credential.archived_at, body: JSON.stringify(credential), sealed })
        .where('id', '=', id)
        .execute()
      return after
    })

  return {
    async insert({ credential, sealed }, key, most) {
      return inTransaction(database, async (transaction) => {
        const { id, vault_id, created_at, archived_at } = credential
        // Locks the vault: one that is being archived takes no more, and nobody counts at the same time.
        const { numUpdatedRows } = await transaction
          .updateTable('vaults')
          .set({ id: vault_id })
          .where('id', '=', vault_id)
          .where('archived_at', 'is', null)
          .executeTakeFirst()
        if (Number(numUpdatedRows) !== 1) return 'vault'
        const active = await transaction
          .selectFrom('vault_credentials')
          .select('key')
          .where('vault_id', '=', vault_id)
          .where('archived_at', 'is', null)
          .execute()
        if (active.some((other) => other.key === key || other.key === storedKey(key))) return 'duplicate'
        if (active.length >= most) return 'full'
        const body = JSON.stringify(credential)
        await transaction
          .insertInto('vault_credentials')
          .values({
            ...{ id, vault_id, created_at, archived_at, body, sealed },
            ...{ key: storedKey(key), lease_holder: null, lease_until: 0 },
          })
          .execute()
        return 'stored'
      })
    },
    get: (id) => find(database, id),
    update: change,
    async archive(id, at) {
      const archived = await change(id, (stored) =>
        stored.credential.archived_at
          ? stored
          : { credential: { ...stored.credential, archived_at: at, updated_at: at }, sealed: null },
      )
      return archived?.credential
    },
    async delete(id) {
      const { numDeletedRows } = await database.deleteFrom('vault_credentials').where('id', '=', id).executeTakeFirst()
      return Number(numDeletedRows) === 1
    },
    async list(vaultId, query) {
      const all = database
        .selectFrom('vault_credentials')
        .select(['id', 'created_at', 'body', 'sealed'])
        .where('vault_id', '=', vaultId)
      const { rows, more } = await page(query.includeArchived ? all : all.where('archived_at', 'is', null), query)
      return { rows: rows.map((row) => read(row).credential), more }
    },
    async active(vaultIds) {
      if (vaultIds.length === 0) return []
      const rows = await database
        .selectFrom('vault_credentials')
        .select(['body', 'sealed'])
        .where('vault_id', 'in', vaultIds)
        .where('archived_at', 'is', null)
        .orderBy('created_at')
        .orderBy('id')
        .execute()
      return rows.map(read)
    },
    async lease(id, holder, now, until) {
      const { numUpdatedRows } = await database
        .updateTable('vault_credentials')
        .set({ lease_holder: holder, lease_until: until })
        .where('id', '=', id)
        .where('archived_at', 'is', null)
        .where(({ or, eb }) => or([eb('lease_until', '<=', now), eb('lease_holder', '=', holder)]))
        .executeTakeFirst()
      return Number(numUpdatedRows) === 1
    },
    async release(id, holder) {
      await database
        .updateTable('vault_credentials')
        .set({ lease_holder: null, lease_until: 0 })
        .where('id', '=', id)
        .where('lease_holder', '=', holder)
        .execute()
    },
  }
}
