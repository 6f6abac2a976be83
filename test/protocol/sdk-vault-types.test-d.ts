/** Checked by tsc alone: vaults and credentials are what the official SDK's types say. */
import type {
  BetaManagedAgentsCredential,
  BetaManagedAgentsCredentialValidation,
  CredentialCreateParams as SdkCredentialCreate,
  CredentialListParams as SdkCredentialList,
  CredentialUpdateParams as SdkCredentialUpdate,
} from '@anthropic-ai/sdk/resources/beta/vaults/credentials'
import type {
  BetaManagedAgentsVault,
  VaultCreateParams as SdkVaultCreate,
  VaultListParams as SdkVaultList,
  VaultUpdateParams as SdkVaultUpdate,
} from '@anthropic-ai/sdk/resources/beta/vaults/vaults'
import type { CredentialValidation } from '../../protocol/credential-validation.ts'
import type {
  Credential,
  CredentialCreateParams,
  CredentialListParams,
  CredentialUpdateParams,
} from '../../protocol/credentials.ts'
import type { Vault, VaultCreateParams, VaultListParams, VaultUpdateParams } from '../../protocol/vaults.ts'

/** Fails to compile unless every `From` is a `To`. */
type Fits<From extends To, To> = From
/** What the SDK sends as headers or in the path is no part of the body. */
type Body<T> = Omit<T, 'betas' | 'workspace_id' | 'vault_id'>

export type Outputs = [
  Fits<Vault, BetaManagedAgentsVault>,
  Fits<Credential, BetaManagedAgentsCredential>,
  Fits<CredentialValidation, BetaManagedAgentsCredentialValidation>,
]

export type Inputs = [
  Fits<Body<SdkVaultCreate>, VaultCreateParams>,
  Fits<Body<SdkVaultUpdate>, VaultUpdateParams>,
  Fits<Body<SdkVaultList>, VaultListParams>,
  Fits<Body<SdkCredentialCreate>, CredentialCreateParams>,
  Fits<Body<SdkCredentialUpdate>, CredentialUpdateParams>,
  Fits<Body<SdkCredentialList>, CredentialListParams>,
]
