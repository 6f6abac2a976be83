import { z } from 'zod'
import { archivable, metadata } from './common.ts'

const packages = z.array(z.string())

/** Source: spec §4.1. */
export const environment = z
  .looseObject({
    id: z.string(),
    type: z.literal('environment'),
    name: z.string(),
    description: z.string().nullable(),
    config: z.looseObject({
      type: z.literal('cloud'),
      networking: z.discriminatedUnion('type', [
        z.looseObject({ type: z.literal('unrestricted') }),
        z.looseObject({
          type: z.literal('limited'),
          allowed_hosts: z.array(z.string()),
          allow_mcp_servers: z.boolean(),
          allow_package_managers: z.boolean(),
        }),
      ]),
      packages: z.looseObject({
        type: z.literal('packages'),
        ...{ apt: packages, cargo: packages, gem: packages, go: packages, npm: packages, pip: packages },
      }),
    }),
    metadata,
    scope: z.literal('organization'),
    ...archivable,
  })
  .meta({ id: 'Environment' })
