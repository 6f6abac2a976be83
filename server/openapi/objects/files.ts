import { z } from 'zod'
import { time } from './common.ts'

/** Source: spec §15.1. */
export const file = z
  .looseObject({
    id: z.string(),
    type: z.literal('file'),
    filename: z.string(),
    mime_type: z.string(),
    size_bytes: z.int(),
    created_at: time,
    downloadable: z.boolean(),
    expires_at: time.nullable(),
    scope: z.looseObject({ type: z.literal('session'), id: z.string() }).nullable(),
  })
  .meta({ id: 'File' })
