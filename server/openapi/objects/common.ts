import { z } from 'zod'

/** Parts that many objects have. Objects are open: clients must bear fields that they do not know. */

/** RFC 3339, UTC. Source: spec §2.7. */
export const time = z.string().meta({ format: 'date-time' })
export const times = { created_at: time, updated_at: time }
export const archivable = { ...times, archived_at: time.nullable() }
export const metadata = z.record(z.string(), z.string())

/** The error envelope. Source: spec §2.3. */
export const errorEnvelope = z
  .looseObject({
    type: z.literal('error'),
    error: z.looseObject({
      type: z.enum([
        'invalid_request_error',
        'authentication_error',
        'billing_error',
        'permission_error',
        'not_found_error',
        'conflict_error',
        'memory_path_conflict_error',
        'memory_precondition_failed_error',
        'request_too_large',
        'rate_limit_error',
        'api_error',
        'timeout_error',
        'overloaded_error',
      ]),
      message: z.string(),
      details: z.looseObject({ error_code: z.string().optional() }).optional(),
    }),
    request_id: z.string(),
  })
  .meta({ id: 'Error' })
