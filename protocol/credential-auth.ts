/** How a credential authenticates: what is given, what is shown, what is kept secret. Source: spec §18.2. */
import { z } from 'zod'

const secret = z.string().min(1).max(16_384)
const webUrl = z.url({ protocol: /^https?$/, error: 'must be an http or https URL' }).max(2048)
const expiry = z.iso.datetime({ offset: true, error: 'must be a time as of RFC 3339' })

/** A host name, an IPv4 address, or `*.` and a name: subdomains only. */
const host = z
  .string()
  .max(255)
  .regex(
    /^(\*\.)?([a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?\.)*[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?$/i,
    'must be a host name, an IPv4 address, or "*." and a name; no URL, port, path or IPv6 address',
  )
const credentialNetworking = z.discriminatedUnion('type', [
  z.strictObject({ type: z.literal('unrestricted') }),
  z.strictObject({ type: z.literal('limited'), allowed_hosts: z.array(host).max(16) }),
])
/** On create and update alike a location is true or false; null is nothing. */
const location = z.strictObject({ header: z.boolean().optional(), body: z.boolean().optional() })
/** Variables that the programs of a container need to run, and to reach anything. */
const ofContainers = [
  ...['PATH', 'HOME', 'USER', 'LANG', 'TERM', 'NODE_OPTIONS', 'NODE_USE_ENV_PROXY', 'LD_PRELOAD', 'LD_LIBRARY_PATH'],
  ...['HTTP_PROXY', 'HTTPS_PROXY', 'ALL_PROXY', 'NO_PROXY', 'SSL_CERT_FILE', 'CURL_CA_BUNDLE', 'REQUESTS_CA_BUNDLE'],
  ...['NODE_EXTRA_CA_CERTS', 'GIT_SSL_CAINFO', 'PIP_CERT', 'CARGO_HTTP_CAINFO', 'AWS_CA_BUNDLE', 'BUNDLE_SSL_CA_CERT'],
  ...['DENO_CERT', 'BASH_ENV'],
]
/** The names that a shell takes. */
const variable = z
  .string()
  .max(255)
  .regex(/^[A-Za-z_][A-Za-z0-9_]*$/, 'must be a name of letters, digits and "_", not beginning with a digit')
  .refine((name) => !ofContainers.includes(name.toUpperCase()), 'is a variable that containers have for themselves')

const staticBearerParams = z.strictObject({
  type: z.literal('static_bearer'),
  mcp_server_url: webUrl,
  token: secret,
})
const endpointAuthParams = z.discriminatedUnion('type', [
  z.strictObject({ type: z.literal('none') }),
  z.strictObject({ type: z.literal('client_secret_basic'), client_secret: secret }),
  z.strictObject({ type: z.literal('client_secret_post'), client_secret: secret }),
])
const oauthParams = z.strictObject({
  type: z.literal('mcp_oauth'),
  mcp_server_url: webUrl,
  access_token: secret,
  expires_at: expiry.nullish(),
  refresh: z
    .strictObject({
      token_endpoint: webUrl,
      client_id: z.string().min(1).max(2048),
      refresh_token: secret,
      scope: z.string().max(4096).nullish(),
      resource: z.string().max(2048).nullish(),
      token_endpoint_auth: endpointAuthParams,
    })
    .nullish(),
})
const environmentVariableParams = z.strictObject({
  type: z.literal('environment_variable'),
  secret_name: variable,
  secret_value: secret,
  networking: credentialNetworking,
  injection_location: location.optional(),
})
export const authParams = z.discriminatedUnion('type', [staticBearerParams, oauthParams, environmentVariableParams])
export type AuthParams = z.output<typeof authParams>

const endpointAuthPatch = z.discriminatedUnion('type', [
  z.strictObject({ type: z.literal('client_secret_basic'), client_secret: secret.nullish() }),
  z.strictObject({ type: z.literal('client_secret_post'), client_secret: secret.nullish() }),
])
export const authPatch = z.discriminatedUnion('type', [
  z.strictObject({ type: z.literal('static_bearer'), token: secret.nullish() }),
  z.strictObject({
    type: z.literal('mcp_oauth'),
    access_token: secret.nullish(),
    expires_at: expiry.nullish(),
    refresh: z
      .strictObject({
        refresh_token: secret.nullish(),
        scope: z.string().max(4096).nullish(),
        token_endpoint_auth: endpointAuthPatch.optional(),
      })
      .nullish(),
  }),
  z.strictObject({
    type: z.literal('environment_variable'),
    secret_value: secret.nullish(),
    networking: credentialNetworking.nullish(),
    injection_location: location.optional(),
  }),
])
export type AuthPatch = z.output<typeof authPatch>

export type CredentialNetworking = z.output<typeof credentialNetworking>
export interface OAuthRefresh {
  token_endpoint: string
  client_id: string
  scope?: string
  resource?: string
  token_endpoint_auth: { type: 'none' | 'client_secret_basic' | 'client_secret_post' }
}
export interface StaticBearerAuth {
  type: 'static_bearer'
  mcp_server_url: string
}
export interface OAuthAuth {
  type: 'mcp_oauth'
  mcp_server_url: string
  expires_at?: string
  refresh?: OAuthRefresh
}
export interface EnvironmentVariableAuth {
  type: 'environment_variable'
  secret_name: string
  networking: CredentialNetworking
  injection_location: { header: boolean; body: boolean }
}
/** What every answer shows. */
export type CredentialAuth = StaticBearerAuth | OAuthAuth | EnvironmentVariableAuth

/** What no answer shows; sealed wherever it is stored. */
export interface CredentialSecret {
  /** Bearer token, access token or value. */
  value: string
  refreshToken?: string
  clientSecret?: string
  /** The token endpoint refused the refresh token for good; a new token of the user's clears this. */
  refused?: boolean
}
