import { credentialCreateParams, credentialListParams, credentialUpdateParams } from '../../../protocol/credentials.ts'
import { vaultCreateParams, vaultListParams, vaultUpdateParams } from '../../../protocol/vaults.ts'
import { credential, credentialValidation, vault } from '../objects/vaults.ts'
import { deleted, json, type Operation, page } from '../operation.ts'

const one = '/v1/vaults/{id}'
const credentials = `${one}/credentials`
const credentialPath = `${credentials}/{credentialId}`

/** Source: spec §18. */
export const vaultOperations: Operation[] = [
  {
    id: 'vaults.create',
    method: 'POST',
    path: '/v1/vaults',
    summary: 'Creates a vault',
    body: vaultCreateParams,
    answer: json(vault),
  },
  {
    id: 'vaults.list',
    method: 'GET',
    path: '/v1/vaults',
    summary: 'Lists vaults, newest first',
    query: vaultListParams,
    answer: page(vault),
  },
  { id: 'vaults.retrieve', method: 'GET', path: one, summary: 'A vault', answer: json(vault) },
  {
    id: 'vaults.update',
    method: 'POST',
    path: one,
    summary: 'Changes a vault',
    body: vaultUpdateParams,
    answer: json(vault),
  },
  {
    id: 'vaults.delete',
    method: 'DELETE',
    path: one,
    summary: 'Deletes a vault with its credentials',
    answer: deleted('vault_deleted'),
  },
  {
    id: 'vaults.archive',
    method: 'POST',
    path: `${one}/archive`,
    summary: 'Archives a vault and its credentials, whose secrets go',
    answer: json(vault),
  },
  {
    id: 'vaults.credentials.create',
    method: 'POST',
    path: credentials,
    summary: 'Puts a credential into a vault; its secrets are in no answer',
    body: credentialCreateParams,
    answer: json(credential),
  },
  {
    id: 'vaults.credentials.list',
    method: 'GET',
    path: credentials,
    summary: 'Lists the credentials of a vault, newest first',
    query: credentialListParams,
    answer: page(credential),
  },
  {
    id: 'vaults.credentials.retrieve',
    method: 'GET',
    path: credentialPath,
    summary: 'A credential',
    answer: json(credential),
  },
  {
    id: 'vaults.credentials.update',
    method: 'POST',
    path: credentialPath,
    summary: 'Changes a credential, or replaces its secrets',
    body: credentialUpdateParams,
    answer: json(credential),
  },
  {
    id: 'vaults.credentials.delete',
    method: 'DELETE',
    path: credentialPath,
    summary: 'Deletes a credential',
    answer: deleted('vault_credential_deleted'),
  },
  {
    id: 'vaults.credentials.archive',
    method: 'POST',
    path: `${credentialPath}/archive`,
    summary: 'Archives a credential, whose secrets go',
    answer: json(credential),
  },
  {
    id: 'vaults.credentials.mcpOAuthValidate',
    method: 'POST',
    path: `${credentialPath}/mcp_oauth_validate`,
    summary: 'Tries an OAuth credential on its MCP server',
    answer: json(credentialValidation),
  },
]
