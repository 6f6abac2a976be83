import type { CredentialNetworking } from '../../protocol/credential-auth.ts'
import { openSecret } from '../../store/credential-secrets.ts'
import type { SecretBox } from '../../store/secrets.ts'
import type { CredentialRecords } from '../../store/vault-records.ts'

/**
 * A secret that a session's container has under a name but never sees: the variable holds a placeholder, and the gateway
 * puts the secret in its place on the way out. Source: spec §18.2, §18.3.
 */
export interface EnvironmentCredential {
  /** Name of the variable. */
  name: string
  /** The hosts that may get the secret; `unrestricted`: all that the environment allows. */
  networking: CredentialNetworking
  /** Where in a request the placeholder is replaced; elsewhere it goes out as it is. */
  injection: { header: boolean; body: boolean }
  secret: string
  /** For `credential_host_unreachable_error`. */
  credentialId: string
  vaultId: string
}

/**
 * The variables of a session, by name. Of several credentials of one name the one in the first vault counts. Ask again
 * from time to time: what users change reaches running sessions.
 * @throws SecretUnreadable
 */
export async function environmentCredentials(
  { vaultIds }: { vaultIds: string[] },
  { credentials, secrets }: { credentials: CredentialRecords; secrets: SecretBox },
): Promise<EnvironmentCredential[]> {
  const active = await credentials.active(vaultIds)
  const byName = new Map<string, EnvironmentCredential>()
  for (const vaultId of vaultIds) {
    for (const { credential, sealed } of active) {
      const { auth } = credential
      if (credential.vault_id !== vaultId || auth.type !== 'environment_variable' || sealed === null) continue
      if (byName.has(auth.secret_name)) continue
      byName.set(auth.secret_name, {
        name: auth.secret_name,
        networking: auth.networking,
        injection: auth.injection_location,
        secret: openSecret(secrets, sealed).value,
        credentialId: credential.id,
        vaultId,
      })
    }
  }
  return [...byName.values()].sort((one, other) => (one.name < other.name ? -1 : 1))
}
