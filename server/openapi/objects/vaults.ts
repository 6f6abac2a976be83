import { z } from 'zod'
import { archivable, metadata } from './common.ts'

/** Source: spec §18.1. */
export const vault = z
  .looseObject({ id: z.string(), type: z.literal('vault'), display_name: z.string(), metadata, ...archivable })
  .meta({ id: 'Vault' })

const auth = z.discriminatedUnion('type', [
  z.looseObject({ type: z.literal('static_bearer'), mcp_server_url: z.string() }),
  z.looseObject({
    type: z.literal('mcp_oauth'),
    mcp_server_url: z.string(),
    expires_at: z.string().optional(),
    refresh: z
      .looseObject({
        token_endpoint: z.string(),
        client_id: z.string(),
        scope: z.string().optional(),
        resource: z.string().optional(),
        token_endpoint_auth: z.looseObject({ type: z.enum(['none', 'client_secret_basic', 'client_secret_post']) }),
      })
      .optional(),
  }),
  z.looseObject({
    type: z.literal('environment_variable'),
    secret_name: z.string(),
    networking: z.discriminatedUnion('type', [
      z.looseObject({ type: z.literal('unrestricted') }),
      z.looseObject({ type: z.literal('limited'), allowed_hosts: z.array(z.string()) }),
    ]),
    injection_location: z.looseObject({ header: z.boolean(), body: z.boolean() }),
  }),
])

/** Without its secrets. Source: spec §18.2. */
export const credential = z
  .looseObject({
    id: z.string(),
    type: z.literal('vault_credential'),
    vault_id: z.string(),
    display_name: z.string().nullable(),
    auth,
    metadata,
    ...archivable,
  })
  .meta({ id: 'Credential' })

const errorResponse = z
  .looseObject({ status_code: z.int(), content_type: z.string(), body: z.string(), body_truncated: z.boolean() })
  .nullable()

/** Source: spec §18.4. */
export const credentialValidation = z
  .looseObject({
    type: z.literal('vault_credential_validation'),
    credential_id: z.string(),
    vault_id: z.string(),
    validated_at: z.string(),
    has_refresh_token: z.boolean(),
    status: z.enum(['valid', 'invalid', 'unknown']),
    mcp_probe: z.looseObject({ method: z.string(), http_response: errorResponse }).nullable(),
    refresh: z
      .looseObject({
        status: z.enum(['succeeded', 'failed', 'connect_error', 'no_refresh_token']),
        http_response: errorResponse,
      })
      .nullable(),
  })
  .meta({ id: 'CredentialValidation' })
