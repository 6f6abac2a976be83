import { invalidRequest } from '../protocol/errors.ts'
import { limits } from '../protocol/limits.ts'

/**
 * The key of a call, undefined when it has none: an empty one is none, as a header without a value.
 * @throws ApiError 400 for one that is too long
 */
export function keyOf({ idempotencyKey: key }: { idempotencyKey?: string | undefined }): string | undefined {
  if (key === undefined || key === null || key === '') return undefined
  if (typeof key !== 'string') throw invalidRequest('idempotency-key: must be a text')
  if (key.length > limits.idempotencyKey) {
    throw invalidRequest(`idempotency-key: must have at most ${limits.idempotencyKey} characters`)
  }
  return key
}
