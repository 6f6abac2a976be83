import { conflict, notFound } from '../protocol/errors.ts'
import { parse } from '../protocol/parse.ts'
import { createVault, updateVault, type Vault, vaultListParams } from '../protocol/vaults.ts'
import { createCredentialsApi } from './credentials.ts'
import { pageAt, pageOf } from './pages.ts'
import type { Runtime } from './runtime.ts'
import type { VaultsApi } from './vaults-api.ts'

export function createVaultsApi(runtime: Runtime): VaultsApi {
  const { vaults } = runtime.records

  async function find(id: string): Promise<Vault> {
    const vault = await vaults.get(id)
    if (!vault) throw notFound('vault', id)
    return vault
  }

  return {
    async create(input) {
      const vault = createVault(input, new Date().toISOString())
      await vaults.insert(vault)
      return vault
    },

    retrieve: find,

    async update(vaultId, input) {
      // What somebody else changed in between is the new base.
      for (let tries = 0; tries < 20; tries++) {
        const vault = await find(vaultId)
        const changed = updateVault(vault, input, new Date().toISOString())
        if (changed === vault || (await vaults.update(changed, vault))) return changed
      }
      throw conflict(`vault ${vaultId} is being changed by others: try again`, { shouldRetry: true })
    },

    async list(input = {}) {
      const params = parse(vaultListParams, input)
      const { rows, more } = await vaults.list({
        limit: params.limit,
        ...pageAt('vaults', params.page),
        includeArchived: params.include_archived ?? false,
      })
      return pageOf('vaults', rows, more)
    },

    async archive(vaultId) {
      const vault = await vaults.archive(vaultId, new Date().toISOString())
      if (!vault) throw notFound('vault', vaultId)
      return vault
    },

    async delete(vaultId) {
      if (!(await vaults.delete(vaultId))) throw notFound('vault', vaultId)
      return { id: vaultId, type: 'vault_deleted' }
    },

    credentials: createCredentialsApi(runtime, find),
  }
}
