/** Vaults: what holds the credentials of sessions. Source: spec §18.1. */
import { isDeepStrictEqual } from 'node:util'
import { z } from 'zod'
import { invalidRequest } from './errors.ts'
import { newId } from './ids.ts'
import { metadataParams, metadataPatch, patchMetadata } from './metadata.ts'
import { pageParams } from './pagination.ts'
import { parse } from './parse.ts'

export interface Vault {
  id: string
  type: 'vault'
  display_name: string
  metadata: Record<string, string>
  created_at: string
  updated_at: string
  archived_at: string | null
}

const displayName = z.string().min(1).max(255)
export const vaultCreateParams = z.strictObject({ display_name: displayName, metadata: metadataParams.nullish() })
export type VaultCreateParams = z.input<typeof vaultCreateParams>

export const vaultUpdateParams = z.strictObject({
  display_name: displayName.nullish(),
  metadata: metadataPatch.nullish(),
})
export type VaultUpdateParams = z.input<typeof vaultUpdateParams>

export const vaultListParams = pageParams('vaults').extend({
  include_archived: z.boolean().optional(),
})
export type VaultListParams = z.input<typeof vaultListParams>

export function createVault(input: VaultCreateParams, now: string): Vault {
  const params = parse(vaultCreateParams, input)
  return {
    id: newId('vault'),
    type: 'vault',
    display_name: params.display_name,
    metadata: params.metadata ?? {},
    created_at: now,
    updated_at: now,
    archived_at: null,
  }
}

/**
 * The vault after an update, or itself when nothing changes.
 * @throws ApiError 400 for an archived vault
 */
export function updateVault(vault: Vault, input: VaultUpdateParams, now: string): Vault {
  const params = parse(vaultUpdateParams, input)
  if (vault.archived_at) throw invalidRequest(`vault ${vault.id} is archived and cannot be changed`)
  const changed: Vault = {
    ...vault,
    display_name: params.display_name ?? vault.display_name,
    metadata: params.metadata ? patchMetadata(vault.metadata, params.metadata) : vault.metadata,
  }
  return isDeepStrictEqual(changed, vault) ? vault : { ...changed, updated_at: now }
}
