import { AddressPolicy } from '../activities/egress/address-policy.ts'
import { OutgoingHttp } from '../activities/egress/outgoing-http.ts'
import { TokenRefresher } from '../activities/vaults/token-refresher.ts'
import { validateCredential } from '../activities/vaults/validate-credential.ts'
import {
  type Credential,
  createCredential,
  credentialKey,
  credentialListParams,
  updateCredential,
} from '../protocol/credentials.ts'
import { conflict, invalidRequest, notFound } from '../protocol/errors.ts'
import { limits } from '../protocol/limits.ts'
import { parse } from '../protocol/parse.ts'
import type { Vault } from '../protocol/vaults.ts'
import { openSecret, sealSecret } from '../store/credential-secrets.ts'
import type { StoredCredential } from '../store/vault-records.ts'
import { pageAt, pageOf } from './pages.ts'
import type { Runtime } from './runtime.ts'
import type { CredentialsApi } from './vaults-api.ts'

/** @param vaultOf finds a vault or throws a 404 */
export function createCredentialsApi(runtime: Runtime, vaultOf: (id: string) => Promise<Vault>): CredentialsApi {
  const { records, secrets } = runtime
  const { credentials } = records

  async function find(id: string, vaultId: string): Promise<StoredCredential> {
    await vaultOf(vaultId)
    const stored = await credentials.get(id)
    if (stored?.credential.vault_id !== vaultId) throw notFound('credential', id)
    return stored
  }

  return {
    async create(vaultId, input) {
      const vault = await vaultOf(vaultId)
      const { credential, secret } = createCredential(vaultId, input, new Date().toISOString())
      if (vault.archived_at) throw invalidRequest(`vault ${vaultId} is archived and takes no credentials`)
      const key = credentialKey(credential.auth)
      const sealed = sealSecret(secrets, secret)
      const outcome = await credentials.insert({ credential, sealed }, key, limits.credentialsPerVault)
      if (outcome === 'stored') return credential
      if (outcome === 'vault') throw notFound('vault', vaultId)
      if (outcome === 'full') {
        throw invalidRequest(`vault ${vaultId} has ${limits.credentialsPerVault} credentials, and can have no more`)
      }
      const field = credential.auth.type === 'environment_variable' ? 'secret_name' : 'mcp_server_url'
      throw conflict(`auth.${field}: vault ${vaultId} has a credential for this already; archive or update that one`)
    },

    async retrieve(credentialId, { vault_id }) {
      return (await find(credentialId, vault_id)).credential
    },

    async update(credentialId, { vault_id, ...input }) {
      const known = await find(credentialId, vault_id)
      // Also what an archived credential, which has no secret, is asked to change is checked.
      const now = new Date().toISOString()
      if (known.sealed === null) return updateCredential({ ...known, secret: { value: '' } }, input, now).credential
      const updated = await credentials.update(credentialId, (stored) => {
        if (stored.sealed === null) throw invalidRequest(`credential ${credentialId} is archived and cannot be changed`)
        const before = { credential: stored.credential, secret: openSecret(secrets, stored.sealed) }
        const after = updateCredential(before, input, now)
        return after === before ? stored : { credential: after.credential, sealed: sealSecret(secrets, after.secret) }
      })
      if (!updated) throw notFound('credential', credentialId)
      return updated.credential
    },

    async list(vaultId, input = {}) {
      const params = parse(credentialListParams, input)
      await vaultOf(vaultId)
      const list = `credentials/${vaultId}`
      const { rows, more } = await credentials.list(vaultId, {
        limit: params.limit,
        ...pageAt(list, params.page),
        includeArchived: params.include_archived ?? false,
      })
      return pageOf(list, rows, more)
    },

    async archive(credentialId, { vault_id }) {
      await find(credentialId, vault_id)
      const archived: Credential | undefined = await credentials.archive(credentialId, new Date().toISOString())
      if (!archived) throw notFound('credential', credentialId)
      return archived
    },

    async delete(credentialId, { vault_id }) {
      await find(credentialId, vault_id)
      if (!(await credentials.delete(credentialId))) throw notFound('credential', credentialId)
      return { id: credentialId, type: 'vault_credential_deleted' }
    },

    async mcpOAuthValidate(credentialId, { vault_id }) {
      const { credential } = await find(credentialId, vault_id)
      if (credential.auth.type !== 'mcp_oauth') {
        throw invalidRequest(`credential ${credentialId} is of type ${credential.auth.type}, not mcp_oauth`)
      }
      if (credential.archived_at) throw invalidRequest(`credential ${credentialId} is archived`)
      await using http = new OutgoingHttp(new AddressPolicy({ allowPrivate: runtime.allowPrivate }))
      return await validateCredential(credential, {
        http,
        refresher: new TokenRefresher({ credentials, secrets, http }),
      })
    },
  }
}
