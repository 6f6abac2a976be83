import type { CredentialValidation } from '../protocol/credential-validation.ts'
import type {
  Credential,
  CredentialCreateParams,
  CredentialListParams,
  CredentialUpdateParams,
} from '../protocol/credentials.ts'
import type { Page } from '../protocol/pagination.ts'
import type { Vault, VaultCreateParams, VaultListParams, VaultUpdateParams } from '../protocol/vaults.ts'

/** Vaults, as the official SDK's `client.beta.vaults`. Source: spec §18. */
export interface VaultsApi {
  create(params: VaultCreateParams): Promise<Vault>
  retrieve(vaultId: string): Promise<Vault>
  update(vaultId: string, params: VaultUpdateParams): Promise<Vault>
  list(params?: VaultListParams): Promise<Page<Vault>>
  /** Archives the credentials too; their secrets are gone. */
  archive(vaultId: string): Promise<Vault>
  delete(vaultId: string): Promise<{ id: string; type: 'vault_deleted' }>
  credentials: CredentialsApi
}

interface InVault {
  vault_id: string
}

export interface CredentialsApi {
  create(vaultId: string, params: CredentialCreateParams): Promise<Credential>
  retrieve(credentialId: string, params: InVault): Promise<Credential>
  update(credentialId: string, params: InVault & CredentialUpdateParams): Promise<Credential>
  list(vaultId: string, params?: CredentialListParams): Promise<Page<Credential>>
  /** The secret is gone; what it was for may be given a new credential. */
  archive(credentialId: string, params: InVault): Promise<Credential>
  delete(credentialId: string, params: InVault): Promise<{ id: string; type: 'vault_credential_deleted' }>
  /** Tries an OAuth credential on its MCP server, refreshing the token if that is needed. Source: spec §18.4. */
  mcpOAuthValidate(credentialId: string, params: InVault): Promise<CredentialValidation>
}
