import { z } from 'zod'
import { archivable, metadata } from './common.ts'

/** Source: spec §18.1. */
export const vault = z
  .looseObject({ id: z.string(), type: z.literal('vault'), display_name: z.string(), metadata, ...archivable })
  .meta({ id: 'Vault' })

/** Without its secrets: no answer has them. Source: spec §18.2. */
export const credential = z
  .looseObject({
    id: z.string(),
    type: z.literal('vault_credential'),
    vault_id: z.string(),
    display_name: z.string().nullable(),
    auth: z.looseObject({ type: z.enum(['static_bearer', 'mcp_oauth', 'environment_variable']) }),
    metadata,
    ...archivable,
  })
  .meta({ id: 'Credential' })

/** Source: spec §18.4. */
export const credentialValidation = z.looseObject({ type: z.string() }).meta({ id: 'CredentialValidation' })
