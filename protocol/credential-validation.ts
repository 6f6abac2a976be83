/** What trying a credential showed. Source: spec §18.4. */

/** An answer that was an error; secrets in it are blotted out. */
export interface ErrorResponse {
  status_code: number
  content_type: string
  body: string
  body_truncated: boolean
}

export interface RefreshReport {
  status: 'succeeded' | 'failed' | 'connect_error' | 'no_refresh_token'
  /** Only when it failed. */
  http_response: ErrorResponse | null
}

export interface CredentialValidation {
  type: 'vault_credential_validation'
  credential_id: string
  vault_id: string
  validated_at: string
  has_refresh_token: boolean
  /** `invalid`: the server refused it; `unknown`: that could not be found out. */
  status: 'valid' | 'invalid' | 'unknown'
  /** The step that failed. */
  mcp_probe: { method: string; http_response: ErrorResponse | null } | null
  refresh: RefreshReport | null
}
