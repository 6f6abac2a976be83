import { createHash } from 'node:crypto'
import type { ContainerNotice, EgressPolicy, Injection } from '../container/provider.ts'
import type { EnvironmentCredential } from '../vaults/environment-credentials.ts'
import { isCovered } from './host-list.ts'

/** What a session's container has of the secrets that vaults hold as variables. Source: spec §18.3. */
export interface SessionVariables {
  /** Placeholders by the names of the variables. */
  environment: Record<string, string>
  injections: Injection[]
}

export function sessionVariables(sessionId: string, credentials: EnvironmentCredential[]): SessionVariables {
  const withPlaceholder = credentials.map((credential) => ({
    ...credential,
    placeholder: placeholderOf(sessionId, credential.credentialId),
  }))
  return {
    environment: Object.fromEntries(withPlaceholder.map(({ name, placeholder }) => [name, placeholder])),
    injections: withPlaceholder.map(({ placeholder, secret, networking, injection }) => ({
      placeholder,
      secret,
      hosts: networking.type === 'unrestricted' ? ['*'] : networking.allowed_hosts,
      ...injection,
    })),
  }
}

/** The same for as long as both live, whatever the secret is: what the agent has noted stays good. */
function placeholderOf(sessionId: string, credentialId: string): string {
  return `secret_${createHash('sha256').update(`${sessionId} ${credentialId}`).digest('hex').slice(0, 32)}`
}

/** Credentials for hosts that the environment does not allow. Source: spec §11.1, §18.3. */
export function unreachableCredentials(
  credentials: EnvironmentCredential[],
  egress: EgressPolicy | undefined,
): ContainerNotice[] {
  if (egress?.mode === 'unrestricted') return []
  return credentials.flatMap(({ name, networking, credentialId: credential_id, vaultId: vault_id }) => {
    const wanted = networking.type === 'unrestricted' ? [] : networking.allowed_hosts
    const missing = wanted.filter((host) => !isCovered(host, egress?.allowedHosts ?? []))
    if (missing.length === 0) return []
    const text = `The environment of the session does not allow ${missing.join(', ')} (config.networking), which the credential in the variable ${name} is for.`
    const error = { message: text, credential_id, vault_id, retry_status: { type: 'retrying' as const } }
    return { text, error: { type: 'credential_host_unreachable_error' as const, ...error } }
  })
}
