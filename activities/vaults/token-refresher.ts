import { randomUUID } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import type { CredentialSecret, OAuthAuth } from '../../protocol/credential-auth.ts'
import type { Credential } from '../../protocol/credentials.ts'
import { openSecret, sealSecret } from '../../store/credential-secrets.ts'
import { RecordsUnavailable } from '../../store/records-unavailable.ts'
import type { SecretBox } from '../../store/secrets.ts'
import type { CredentialRecords } from '../../store/vault-records.ts'
import type { OutgoingHttp } from '../egress/outgoing-http.ts'
import { RefreshFailed, requestTokens } from './token-endpoint.ts'

/** Longer than the token endpoint's own time-out: whoever loses the lease has ended its request. Milliseconds. */
const leaseMs = 30_000
const pollMs = 50
/** How often new tokens are tried to be stored in a database that is away: each time waits for it as long as calls do. */
const mostTries = 4

export interface CurrentToken {
  credential: Credential
  secret: CredentialSecret
}

/**
 * Gets new access tokens. Of all workers that want one for a credential, one asks the token endpoint while it holds the
 * credential's lease in the records; the others wait and take what it got. A refresh token is spent once, and the next
 * one is stored before the access token that came with it is used.
 */
export class TokenRefresher {
  readonly #credentials: CredentialRecords
  readonly #secrets: SecretBox
  readonly #http: OutgoingHttp

  constructor(parts: { credentials: CredentialRecords; secrets: SecretBox; http: OutgoingHttp }) {
    this.#credentials = parts.credentials
    this.#secrets = parts.secrets
    this.#http = parts.http
  }

  /** The credential as it is now; undefined when it is archived or deleted. */
  async current(id: string): Promise<CurrentToken | undefined> {
    const stored = await this.#credentials.get(id)
    if (!stored?.sealed) return undefined
    return { credential: stored.credential, secret: openSecret(this.#secrets, stored.sealed) }
  }

  /**
   * A token other than `stale`: the one that somebody else got meanwhile, or a new one.
   * @param options.evenRefused try a refresh token that was refused before
   * @throws RefreshFailed
   */
  async refresh(id: string, stale: string, { evenRefused = false } = {}): Promise<CurrentToken> {
    const holder = randomUUID()
    for (;;) {
      const known = await this.current(id)
      if (!known) throw new RefreshFailed('the credential was archived or deleted')
      if (known.secret.value !== stale) return known
      const now = Date.now()
      if (!(await this.#credentials.lease(id, holder, now, now + leaseMs))) {
        await sleep(pollMs)
        continue
      }
      try {
        // Between reading and taking the lease another worker may have been done with its own.
        const held = await this.current(id)
        if (!held || held.secret.value !== stale) continue
        return await this.#spend(held, evenRefused)
      } finally {
        // The lease ends by itself, too.
        await this.#credentials.release(id, holder).catch(() => {})
      }
    }
  }

  async #spend({ credential, secret }: CurrentToken, evenRefused: boolean): Promise<CurrentToken> {
    const { refresh } = credential.auth as OAuthAuth
    const { refreshToken } = secret
    if (!refresh || !refreshToken) throw new RefreshFailed('the credential has no refresh token', { refused: true })
    if (secret.refused && !evenRefused) {
      throw new RefreshFailed('the token endpoint refused the refresh token before', { refused: true })
    }
    const asked = requestTokens(refresh, { ...secret, refreshToken }, this.#http)
    const tokens = await asked.catch(async (error) => {
      if (error instanceof RefreshFailed && error.refused) {
        await this.#store(credential.id, refreshToken, (auth, before) => ({
          auth,
          secret: { ...before, refused: true },
        })).catch(() => {})
      }
      throw error
    })
    const keep = () =>
      this.#store(credential.id, refreshToken, (auth, before) => {
        const { expires_at: _old, ...rest } = auth
        const { refused: _refused, ...kept } = before
        return {
          auth: { ...rest, ...(tokens.expiresAt && { expires_at: tokens.expiresAt }) },
          secret: { ...kept, value: tokens.accessToken, refreshToken: tokens.refreshToken ?? refreshToken },
        }
      })
    for (let tries = 1; ; tries++) {
      try {
        return await keep()
      } catch (error) {
        // What is not stored is lost, for the token that it came for is spent.
        if (!(error instanceof RecordsUnavailable) || tries === mostTries) throw error
      }
    }
  }

  /** Stores what came of a refresh token, unless the user has replaced that meanwhile: then theirs counts. */
  async #store(
    id: string,
    spent: string,
    change: (auth: OAuthAuth, secret: CredentialSecret) => { auth: OAuthAuth; secret: CredentialSecret },
  ): Promise<CurrentToken> {
    let result: CurrentToken | undefined
    await this.#credentials.update(id, (stored) => {
      if (!stored.sealed) return stored
      const secret = openSecret(this.#secrets, stored.sealed)
      result = { credential: stored.credential, secret }
      if (secret.refreshToken !== spent) return stored
      const changed = change(stored.credential.auth as OAuthAuth, secret)
      result = { credential: { ...stored.credential, auth: changed.auth }, secret: changed.secret }
      return { credential: result.credential, sealed: sealSecret(this.#secrets, changed.secret) }
    })
    if (!result) throw new RefreshFailed('the credential was archived or deleted')
    return result
  }
}
