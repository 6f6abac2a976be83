import type { Credential } from '../protocol/credentials.ts'
import type { Vault } from '../protocol/vaults.ts'
import type { ListQuery, Rows } from './records.ts'

export interface VaultRecords {
  insert(vault: Vault): Promise<void>
  get(id: string): Promise<Vault | undefined>
  /** Stores a change that was made from `before`. Returns false, and changes nothing, when that is not the newest state. */
  update(vault: Vault, before: Vault): Promise<boolean>
  /** Archives the vault and all its credentials, whose secrets go. Again: keeps the first time. */
  archive(id: string, at: string): Promise<Vault | undefined>
  /** Removes the vault with its credentials. */
  delete(id: string): Promise<boolean>
  list(query: ListQuery): Promise<Rows<Vault>>
}

/** A credential and its sealed secret, which an archived one has no more. */
export interface StoredCredential {
  credential: Credential
  sealed: string | null
}

export interface CredentialRecords {
  /**
   * Stores a credential. `key` is what no two active credentials of a vault share; `most` how many of them it may have.
   * Otherwise nothing is stored, and the answer says why; `vault`: the vault is gone or archived.
   */
  insert(credential: StoredCredential, key: string, most: number): Promise<'stored' | 'duplicate' | 'full' | 'vault'>
  get(id: string): Promise<StoredCredential | undefined>
  /**
   * Changes a credential in one transaction; `change` sees the newest state, and stores nothing when it returns the same
   * object. It may be asked again, of a newer state. Undefined when there is none.
   */
  update(id: string, change: (stored: StoredCredential) => StoredCredential): Promise<StoredCredential | undefined>
  /** Archives a credential; its secret goes, its key is free. */
  archive(id: string, at: string): Promise<Credential | undefined>
  delete(id: string): Promise<boolean>
  list(vaultId: string, query: ListQuery): Promise<Rows<Credential>>
  /** The active credentials of vaults. */
  active(vaultIds: string[]): Promise<StoredCredential[]>
  /**
   * Takes the lease on a credential for `holder`, who alone may then spend its refresh token. False while another has it.
   * @param until milliseconds since the epoch; from then on anybody may take it
   */
  lease(id: string, holder: string, now: number, until: number): Promise<boolean>
  release(id: string, holder: string): Promise<void>
}
