import { z } from 'zod'
import type { CredentialSecret, OAuthRefresh } from '../../protocol/credential-auth.ts'
import type { ErrorResponse } from '../../protocol/credential-validation.ts'
import { blot } from '../egress/blot.ts'
import { type OutgoingHttp, readStart } from '../egress/outgoing-http.ts'

export interface NewTokens {
  accessToken: string
  /** Absent: the old one goes on being used. */
  refreshToken?: string
  /** RFC 3339. */
  expiresAt?: string
}

/** The token endpoint gave no token. */
export class RefreshFailed extends Error {
  override readonly name = 'RefreshFailed'
  /** Absent: it could not be reached. */
  readonly response: ErrorResponse | undefined
  /** Whether the refresh token is refused for good. */
  readonly refused: boolean

  constructor(message: string, { response, refused = false }: { response?: ErrorResponse; refused?: boolean } = {}) {
    super(message)
    this.response = response
    this.refused = refused
  }
}

const patienceMs = 15_000
const longest = 64 * 1024
/** Bytes of an error that are shown. */
const shown = 2048

const tokens = z.object({
  access_token: z.string().min(1),
  refresh_token: z.string().min(1).optional(),
  expires_in: z.coerce
    .number()
    .positive()
    .max(10 * 365 * 86_400)
    .optional()
    .catch(undefined),
})

/**
 * Trades a refresh token for a new access token (RFC 6749, section 6).
 * @throws RefreshFailed
 */
export async function requestTokens(
  refresh: OAuthRefresh,
  secret: CredentialSecret & { refreshToken: string },
  http: OutgoingHttp,
): Promise<NewTokens> {
  const { refreshToken, clientSecret = '' } = secret
  const body = new URLSearchParams({ grant_type: 'refresh_token', refresh_token: refreshToken })
  if (refresh.scope) body.set('scope', refresh.scope)
  if (refresh.resource) body.set('resource', refresh.resource)
  const headers: Record<string, string> = {
    'content-type': 'application/x-www-form-urlencoded',
    accept: 'application/json',
  }
  const method = refresh.token_endpoint_auth.type
  if (method === 'client_secret_basic') {
    // Both parts form-encoded first. Source: RFC 6749, section 2.3.1.
    const pair = `${formEncoded(refresh.client_id)}:${formEncoded(clientSecret)}`
    headers.authorization = `Basic ${Buffer.from(pair).toString('base64')}`
  } else {
    body.set('client_id', refresh.client_id)
    if (method === 'client_secret_post') body.set('client_secret', clientSecret)
  }
  const clean = (text: string) => blot(text, [refreshToken, clientSecret, secret.value])
  let status: number
  let contentType: string
  let answer: { text: string; truncated: boolean }
  try {
    const signal = AbortSignal.timeout(patienceMs)
    // A redirect would carry the secrets to somebody else.
    const init = { method: 'POST', headers, body: body.toString(), redirect: 'manual' as const, signal }
    const response = await http.fetch(refresh.token_endpoint, init)
    status = response.status
    contentType = response.headers.get('content-type') ?? ''
    answer = await readStart(response, longest)
  } catch (error) {
    throw new RefreshFailed(`the token endpoint cannot be reached: ${clean(reason(error))}`)
  }
  const parsed = status === 200 ? tokens.safeParse(json(answer.text)) : undefined
  if (!parsed?.success) {
    const text = clean(status === 200 ? 'an answer without an access_token' : answer.text)
    const response: ErrorResponse = {
      status_code: status,
      content_type: contentType,
      body: text.slice(0, shown),
      body_truncated: answer.truncated || text.length > shown,
    }
    const code = (json(answer.text) as { error?: unknown } | undefined)?.error
    const refused = code === 'invalid_grant' || code === 'invalid_client' || code === 'unauthorized_client'
    throw new RefreshFailed(`the token endpoint answered ${status}${refused ? ` (${code})` : ''}`, {
      response,
      refused,
    })
  }
  const { access_token, refresh_token, expires_in } = parsed.data
  return {
    accessToken: access_token,
    ...(refresh_token && { refreshToken: refresh_token }),
    ...(expires_in && { expiresAt: new Date(Date.now() + expires_in * 1000).toISOString() }),
  }
}

const formEncoded = (text: string) => new URLSearchParams({ '': text }).toString().slice(1)

function json(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}

/** What went wrong, as deep as it is said. */
export function reason(error: unknown): string {
  if (!(error instanceof Error)) return String(error)
  const inner = error.cause instanceof AggregateError ? error.cause.errors[0] : error.cause
  return inner instanceof Error ? inner.message || inner.name : error.message
}
