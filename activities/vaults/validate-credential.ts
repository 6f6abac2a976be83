import type { OAuthAuth } from '../../protocol/credential-auth.ts'
import type { CredentialValidation, RefreshReport } from '../../protocol/credential-validation.ts'
import type { Credential } from '../../protocol/credentials.ts'
import type { OutgoingHttp } from '../egress/outgoing-http.ts'
import { McpConnection } from '../mcp/connection.ts'
import { McpHttpError } from '../mcp/failures.ts'
import type { ServerAccess } from './server-access.ts'
import { RefreshFailed } from './token-endpoint.ts'
import type { CurrentToken, TokenRefresher } from './token-refresher.ts'

const patienceMs = 15_000

type Probe = CredentialValidation['mcp_probe']

/** Tries an OAuth credential on its MCP server; a refused token is refreshed once and tried again. Source: spec §18.4. */
export async function validateCredential(
  { id, vault_id, auth }: Credential,
  { http, refresher }: { http: OutgoingHttp; refresher: TokenRefresher },
): Promise<CredentialValidation> {
  const url = (auth as OAuthAuth).mcp_server_url
  const current = await refresher.current(id)
  const result = (
    status: CredentialValidation['status'],
    mcp_probe: Probe,
    refresh: RefreshReport | null,
  ): CredentialValidation => ({
    type: 'vault_credential_validation',
    credential_id: id,
    vault_id,
    validated_at: new Date().toISOString(),
    has_refresh_token: current?.secret.refreshToken !== undefined,
    status,
    mcp_probe,
    refresh,
  })
  // It was archived in this moment.
  if (!current) return result('invalid', null, null)

  const first = await probe(url, current, http)
  if (!first) return result('valid', null, null)
  if (first.http_response?.status_code !== 401) return result(verdict(first), first, null)
  if (!current.secret.refreshToken) {
    return result('invalid', first, { status: 'no_refresh_token', http_response: null })
  }
  let renewed: CurrentToken
  try {
    renewed = await refresher.refresh(id, current.secret.value, { evenRefused: true })
  } catch (error) {
    if (!(error instanceof RefreshFailed)) throw error
    const { response } = error
    if (!response) return result('unknown', first, { status: 'connect_error', http_response: null })
    return result('invalid', first, { status: 'failed', http_response: response })
  }
  const second = await probe(url, renewed, http)
  return result(second ? verdict(second) : 'valid', second, { status: 'succeeded', http_response: null })
}

function verdict(probe: NonNullable<Probe>): CredentialValidation['status'] {
  const status = probe.http_response?.status_code
  return status === 401 || status === 403 ? 'invalid' : 'unknown'
}

/** The step that failed, null when none did. */
async function probe(url: string, { secret }: CurrentToken, http: OutgoingHttp): Promise<Probe> {
  const used = new Set([secret.value, secret.refreshToken ?? '', secret.clientSecret ?? ''])
  const access: ServerAccess = { token: async () => secret.value, renew: async () => undefined, used }
  let method = 'initialize'
  let connection: McpConnection | undefined
  try {
    connection = await McpConnection.open(url, { http, access, timeoutMs: patienceMs })
    method = 'tools/list'
    await connection.listTools({ timeoutMs: patienceMs }, 1)
    return null
  } catch (error) {
    if (error instanceof McpHttpError) return { method: error.method, http_response: error.response }
    return { method, http_response: null }
  } finally {
    await connection?.close()
  }
}
