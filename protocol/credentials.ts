/** Credentials of a vault. Source: spec §18.2. */
import { isDeepStrictEqual } from 'node:util'
import { z } from 'zod'
import {
  type AuthParams,
  type AuthPatch,
  authParams,
  authPatch,
  type CredentialAuth,
  type CredentialSecret,
  type EnvironmentVariableAuth,
  type OAuthAuth,
} from './credential-auth.ts'
import { invalidRequest } from './errors.ts'
import { newId } from './ids.ts'
import { metadataParams, metadataPatch, patchMetadata } from './metadata.ts'
import { pageParams } from './pagination.ts'
import { parse } from './parse.ts'
import { serverAddress } from './server-address.ts'

export interface Credential {
  id: string
  type: 'vault_credential'
  vault_id: string
  display_name: string | null
  auth: CredentialAuth
  metadata: Record<string, string>
  created_at: string
  updated_at: string
  archived_at: string | null
}

export const credentialCreateParams = z.strictObject({
  display_name: z.string().max(255).nullish(),
  metadata: metadataParams.nullish(),
  auth: authParams,
})
export type CredentialCreateParams = z.input<typeof credentialCreateParams>

export const credentialUpdateParams = z.strictObject({
  display_name: z.string().min(1).max(255).nullish(),
  metadata: metadataPatch.nullish(),
  auth: authPatch.optional(),
})
export type CredentialUpdateParams = z.input<typeof credentialUpdateParams>

export const credentialListParams = pageParams('credentials').extend({
  include_archived: z.boolean().optional(),
})
export type CredentialListParams = z.input<typeof credentialListParams>

/** A credential with the secret that belongs to it. */
export interface WithSecret {
  credential: Credential
  secret: CredentialSecret
}

/** A new credential. Whether it works is not tried. Throws a 400 that names what is wrong. */
export function createCredential(vaultId: string, input: CredentialCreateParams, now: string): WithSecret {
  const params = parse(credentialCreateParams, input)
  const { auth, secret } = authOf(params.auth, now)
  return {
    credential: {
      id: newId('credential'),
      type: 'vault_credential',
      vault_id: vaultId,
      display_name: params.display_name || null,
      auth,
      metadata: params.metadata ?? {},
      created_at: now,
      updated_at: now,
      archived_at: null,
    },
    secret,
  }
}

/** What no two credentials in use of one vault may share. */
export function credentialKey(auth: CredentialAuth): string {
  return auth.type === 'environment_variable' ? `variable ${auth.secret_name}` : serverKey(auth.mcp_server_url)
}

/** The key of the credentials for this MCP server. */
export const serverKey = (url: string): string => `server ${serverAddress(url)}`

/**
 * A credential after an update; the same object when nothing changes.
 * @throws ApiError 400 for another type, for an archived credential and for what cannot be changed
 */
export function updateCredential(before: WithSecret, input: CredentialUpdateParams, now: string): WithSecret {
  const params = parse(credentialUpdateParams, input)
  const { credential } = before
  if (credential.archived_at) throw invalidRequest(`credential ${credential.id} is archived and cannot be changed`)
  const { auth, secret } = params.auth ? patchAuth(before, params.auth, now) : { ...before, auth: credential.auth }
  const changed: Credential = {
    ...credential,
    display_name: params.display_name === undefined ? credential.display_name : params.display_name,
    metadata: params.metadata ? patchMetadata(credential.metadata, params.metadata) : credential.metadata,
    auth,
  }
  if (isDeepStrictEqual(changed, credential) && isDeepStrictEqual(secret, before.secret)) return before
  return { credential: { ...changed, updated_at: now }, secret }
}

type AuthAndSecret = { auth: CredentialAuth; secret: CredentialSecret }

function authOf(params: AuthParams, now: string): AuthAndSecret {
  if (params.type === 'static_bearer') {
    return { auth: { type: params.type, mcp_server_url: params.mcp_server_url }, secret: { value: params.token } }
  }
  if (params.type === 'environment_variable') {
    const { type, secret_name, networking } = params
    const injection_location = { header: true, body: true }
    if (params.injection_location) {
      injection_location.header = params.injection_location.header ?? false
      injection_location.body = params.injection_location.body ?? false
    }
    checkLocation(injection_location)
    return { auth: { type, secret_name, networking, injection_location }, secret: { value: params.secret_value } }
  }
  checkExpiry(params.expires_at, now)
  const { refresh } = params
  const endpoint = refresh?.token_endpoint_auth
  return {
    auth: {
      type: params.type,
      mcp_server_url: params.mcp_server_url,
      ...(params.expires_at && { expires_at: params.expires_at }),
      ...(refresh && {
        refresh: {
          token_endpoint: refresh.token_endpoint,
          client_id: refresh.client_id,
          ...(refresh.scope && { scope: refresh.scope }),
          ...(refresh.resource && { resource: refresh.resource }),
          token_endpoint_auth: { type: refresh.token_endpoint_auth.type },
        },
      }),
    },
    secret: {
      value: params.access_token,
      ...(refresh && { refreshToken: refresh.refresh_token }),
      ...(endpoint && endpoint.type !== 'none' && { clientSecret: endpoint.client_secret }),
    },
  }
}

function patchAuth({ credential, secret }: WithSecret, patch: AuthPatch, now: string): AuthAndSecret {
  const { auth } = credential
  if (patch.type !== auth.type) throw invalidRequest(`auth.type: is ${auth.type} and cannot be changed`)
  if (patch.type === 'static_bearer') return { auth, secret: { ...secret, ...(patch.token && { value: patch.token }) } }
  if (patch.type === 'environment_variable') {
    const before = auth as EnvironmentVariableAuth
    const injection_location = { ...before.injection_location, ...patch.injection_location }
    checkLocation(injection_location)
    return {
      auth: { ...before, networking: patch.networking ?? before.networking, injection_location },
      secret: { ...secret, ...(patch.secret_value && { value: patch.secret_value }) },
    }
  }
  return patchOAuth({ auth: auth as OAuthAuth, secret }, patch, now)
}

function patchOAuth(
  { auth, secret }: { auth: OAuthAuth; secret: CredentialSecret },
  patch: Extract<AuthPatch, { type: 'mcp_oauth' }>,
  now: string,
): AuthAndSecret {
  checkExpiry(patch.expires_at, now)
  const { refresh } = patch
  if (refresh && !auth.refresh) throw invalidRequest('auth.refresh: this credential was created without one')
  const clientSecret = refresh?.token_endpoint_auth?.client_secret
  if (clientSecret && auth.refresh?.token_endpoint_auth.type === 'none') {
    throw invalidRequest('auth.refresh.token_endpoint_auth: this credential has none, and its type cannot be changed')
  }
  const { scope: _scope, ...unscoped } = auth.refresh ?? {}
  const scope = refresh?.scope == null ? auth.refresh?.scope : refresh.scope
  const fresh = patch.access_token || refresh?.refresh_token
  const { refused: _refused, ...kept } = secret
  return {
    auth: {
      ...auth,
      ...(patch.expires_at && { expires_at: patch.expires_at }),
      ...(auth.refresh && { refresh: { ...(unscoped as typeof auth.refresh), ...(scope && { scope }) } }),
    },
    secret: {
      ...(fresh ? kept : secret),
      ...(patch.access_token && { value: patch.access_token }),
      ...(refresh?.refresh_token && { refreshToken: refresh.refresh_token }),
      ...(clientSecret && { clientSecret }),
    },
  }
}

function checkExpiry(expiresAt: string | null | undefined, now: string): void {
  if (expiresAt && Date.parse(expiresAt) <= Date.parse(now))
    throw invalidRequest('auth.expires_at: must be in the future')
}

function checkLocation({ header, body }: { header: boolean; body: boolean }): void {
  if (!header && !body) throw invalidRequest('auth.injection_location: header or body must be true')
}
