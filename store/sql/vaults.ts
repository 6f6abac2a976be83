import type { Kysely } from 'kysely'
import type { Vault } from '../../protocol/vaults.ts'
import type { VaultRecords } from '../vault-records.ts'
import { page } from './pages.ts'
import type { Schema } from './schema.ts'
import { inTransaction } from './transaction.ts'

export function vaultRecords(database: Kysely<Schema>): VaultRecords {
  const row = (vault: Vault) => ({
    id: vault.id,
    created_at: vault.created_at,
    archived_at: vault.archived_at,
    body: JSON.stringify(vault),
  })
  const find = async (from: Kysely<Schema>, id: string) => {
    const found = await from.selectFrom('vaults').select('body').where('id', '=', id).executeTakeFirst()
    return found && (JSON.parse(found.body) as Vault)
  }
  return {
    async insert(vault) {
      await database.insertInto('vaults').values(row(vault)).execute()
    },
    get: (id) => find(database, id),
    async update(vault, before) {
      const { numUpdatedRows } = await database
        .updateTable('vaults')
        .set(row(vault))
        .where('id', '=', before.id)
        .where('body', '=', JSON.stringify(before))
        .executeTakeFirst()
      return Number(numUpdatedRows) === 1
    },
    async archive(id, at) {
      return inTransaction(database, async (transaction) => {
        // Locked before they are read: no change of a credential comes between.
        await transaction.updateTable('vaults').set({ id }).where('id', '=', id).execute()
        const vault = await find(transaction, id)
        if (!vault || vault.archived_at) return vault
        const archived: Vault = { ...vault, archived_at: at, updated_at: at }
        await transaction.updateTable('vaults').set(row(archived)).where('id', '=', id).execute()
        await transaction
          .updateTable('vault_credentials')
          .set({ vault_id: id })
          .where('vault_id', '=', id)
          .where('archived_at', 'is', null)
          .execute()
        const active = await transaction
          .selectFrom('vault_credentials')
          .select(['id', 'body'])
          .where('vault_id', '=', id)
          .where('archived_at', 'is', null)
          .execute()
        for (const { id: credentialId, body } of active) {
          const gone = JSON.stringify({ ...JSON.parse(body), archived_at: at, updated_at: at })
          await transaction
            .updateTable('vault_credentials')
            .set({ archived_at: at, body: gone, sealed: null, lease_holder: null, lease_until: 0 })
            .where('id', '=', credentialId)
            .execute()
        }
        return archived
      })
    },
    async delete(id) {
      return inTransaction(database, async (transaction) => {
        const { numDeletedRows } = await transaction.deleteFrom('vaults').where('id', '=', id).executeTakeFirst()
        await transaction.deleteFrom('vault_credentials').where('vault_id', '=', id).execute()
        return Number(numDeletedRows) === 1
      })
    },
    async list(query) {
      const all = database.selectFrom('vaults').select(['id', 'created_at', 'body'])
      const { rows, more } = await page(query.includeArchived ? all : all.where('archived_at', 'is', null), query)
      return { rows: rows.map(({ body }) => JSON.parse(body) as Vault), more }
    },
  }
}
