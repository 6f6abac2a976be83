import type { CredentialSecret, OAuthAuth } from '../../protocol/credential-auth.ts'
import { type Credential, credentialKey, serverKey } from '../../protocol/credentials.ts'
import { openSecret } from '../../store/credential-secrets.ts'
import type { SecretBox } from '../../store/secrets.ts'
import type { CredentialRecords } from '../../store/vault-records.ts'
import { RefreshFailed } from './token-endpoint.ts'
import type { TokenRefresher } from './token-refresher.ts'

/** What authorizes the requests to one MCP server; asked anew for each, so that what users change counts at once. */
export interface ServerAccess {
  /**
   * The token to send, none when no vault has one for the server.
   * @throws RefreshFailed when it has expired and there is no new one
   */
  token(): Promise<string | undefined>
  /**
   * Another token than the one that the server refused; undefined when there is none.
   * @throws RefreshFailed
   */
  renew(stale: string): Promise<string | undefined>
  /** Every secret that went out: what the server says may repeat it. */
  readonly used: ReadonlySet<string>
}

/** A token that ends sooner than this is replaced before it is used. Milliseconds. */
const earlyMs = 60_000

export interface AccessParts {
  credentials: CredentialRecords
  secrets: SecretBox
  refresher: TokenRefresher
}

/** Access by the first of the vaults, in the session's order, that has a credential for the server. Source: spec §18.3. */
export function accessTo(
  url: string,
  vaultIds: string[],
  { credentials, secrets, refresher }: AccessParts,
): ServerAccess {
  const key = serverKey(url)
  const used = new Set<string>()

  async function find(): Promise<{ credential: Credential; secret: CredentialSecret } | undefined> {
    const fitting = (await credentials.active(vaultIds)).filter(
      ({ credential }) => credentialKey(credential.auth) === key,
    )
    const found = vaultIds
      .map((id) => fitting.find(({ credential }) => credential.vault_id === id))
      .find((stored) => stored !== undefined)
    return found?.sealed ? { credential: found.credential, secret: openSecret(secrets, found.sealed) } : undefined
  }

  const note = ({ value, refreshToken, clientSecret }: CredentialSecret): string => {
    for (const secret of [value, refreshToken, clientSecret]) if (secret) used.add(secret)
    return value
  }

  return {
    used,
    async token() {
      const found = await find()
      if (!found) return undefined
      const { credential, secret } = found
      const expires = credential.auth.type === 'mcp_oauth' ? credential.auth.expires_at : undefined
      const left = expires ? Date.parse(expires) - Date.now() : Number.POSITIVE_INFINITY
      if (left > earlyMs || !isRefreshable(credential, secret)) return note(secret)
      try {
        return note((await refresher.refresh(credential.id, secret.value)).secret)
      } catch (error) {
        // What has not expired yet may still do.
        if (!(error instanceof RefreshFailed) || left <= 0) throw error
        return note(secret)
      }
    },
    async renew(stale) {
      const found = await find()
      if (!found) return undefined
      const { credential, secret } = found
      if (secret.value !== stale) return note(secret)
      if (!isRefreshable(credential, secret)) return undefined
      return note((await refresher.refresh(credential.id, stale)).secret)
    },
  }
}

function isRefreshable({ auth }: Credential, { refreshToken }: CredentialSecret): boolean {
  return auth.type === 'mcp_oauth' && (auth as OAuthAuth).refresh !== undefined && refreshToken !== undefined
}
