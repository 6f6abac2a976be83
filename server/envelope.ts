import type { FastifyError } from 'fastify'
import { ApiError, invalidRequest, tooLarge, unavailable } from '../protocol/errors.ts'
import { limits } from '../protocol/limits.ts'
import { StorageFull } from '../store/blobs.ts'

/** The error envelope. Source: spec §2.3. */
export function envelope(error: ApiError, requestId: string) {
  const { type, message, fields, details } = error
  return { type: 'error', error: { type, message, ...fields, ...(details && { details }) }, request_id: requestId }
}

/** Any error as one of the API. What is not meant for clients is answered without its text. */
export function toApiError(error: Partial<FastifyError> & Error): ApiError {
  if (error instanceof ApiError) return error
  if (error instanceof StorageFull) {
    return unavailable('the server has no space left: free some on the disk of its data folder', {
      code: error.code,
      shouldRetry: false,
      cause: error,
    })
  }
  const code = error.code as string | number | undefined
  if (code === 'FST_ERR_CTP_BODY_TOO_LARGE' || code === 'FST_REQ_FILE_TOO_LARGE') {
    return tooLarge(`the body is longer than ${limits.requestBytes} bytes`)
  }
  if (code === 'FST_ERR_CTP_INVALID_MEDIA_TYPE') return invalidRequest('content-type: only application/json is taken here')
  // A temporary failure of Temporal: UNAVAILABLE, DEADLINE_EXCEEDED, RESOURCE_EXHAUSTED.
  if (code === 14 || code === 4 || code === 8) {
    return unavailable('Temporal cannot be reached at the moment: try again', { cause: error })
  }
  if (typeof error.statusCode === 'number' && error.statusCode >= 400 && error.statusCode < 500) {
    return new ApiError(error.statusCode, 'invalid_request_error', error.message)
  }
  return new ApiError(500, 'api_error', 'an internal error: its cause is in the log of the server', { cause: error })
}
