import { ApiError, invalidRequest, tooLarge, unavailable } from '../protocol/errors.ts'

/** The error envelope. Source: spec §2.3. */
export function envelope(error: ApiError, requestId: string) {
  const { type, message, fields, details } = error
  return { type: 'error', error: { type, message, ...fields, ...(details && { details }) }, request_id: requestId }
}

/** Headers that say to clients whether and when to try again. Source: spec §2.4. */
export function retryHeaders({ shouldRetry, retryAfterSeconds }: ApiError): Record<string, string> {
  return {
    ...(shouldRetry !== undefined && { 'x-should-retry': String(shouldRetry) }),
    ...(retryAfterSeconds !== undefined && { 'retry-after': String(retryAfterSeconds) }),
  }
}

/** DEADLINE_EXCEEDED of gRPC: nobody knows whether the call was done. */
const unanswered = 4
/** Statuses of gRPC with which Temporal says that it is too busy or away: RESOURCE_EXHAUSTED, UNAVAILABLE. */
const temporary = [8, 14]
/** What the store calls a database that is away. Its message is for clients. */
const away = 'records_unavailable'
/** What the store and the file system call a disk without room. */
const full = ['storage_full', 'ENOSPC', 'EDQUOT']

/** Any error as one of the API. What is not meant for clients is answered without its text. */
export function toApiError(error: unknown): ApiError {
  if (error instanceof ApiError) return error
  for (const cause of causesOf(error)) {
    const { code } = cause as { code?: unknown }
    if (full.includes(code as string)) {
      return unavailable('the server has no space left: free some on the disk of its data folder, then try again', {
        code: 'storage_full',
        // SDKs would repeat it at once, and to no avail.
        shouldRetry: false,
        retryAfterSeconds: undefined,
        cause: error,
      })
    }
    if (code === away) return unavailable((cause as Error).message, { code: away, cause: error })
    if (code === 'storage_unavailable') {
      return unavailable('the storage of contents cannot be reached at the moment: try again', { code, cause: error })
    }
    if (cause instanceof DOMException) continue
    if (code === unanswered) {
      return unavailable(
        'Temporal does not answer, and what was asked may be done all the same: try again, with the same Idempotency-Key',
        { cause: error },
      )
    }
    if (temporary.includes(code as number)) {
      return unavailable('Temporal cannot be reached at the moment: try again', { cause: error })
    }
  }
  return (
    fromFramework(error) ??
    new ApiError(500, 'api_error', 'an internal error: its cause is in the log of the server', { cause: error })
  )
}

function* causesOf(error: unknown): Iterable<object> {
  for (let depth = 0; depth < 10 && typeof error === 'object' && error !== null; depth++) {
    yield error
    error = (error as { cause?: unknown }).cause
  }
}

/** Errors that Fastify and its multipart parser make of bad requests. */
function fromFramework(error: unknown): ApiError | undefined {
  const { code, statusCode = 0, message } = (error ?? {}) as { code?: unknown; statusCode?: number; message?: string }
  if (typeof code !== 'string' || !code.startsWith('FST_') || statusCode < 400 || statusCode >= 500) return undefined
  if (code === 'FST_ERR_CTP_INVALID_MEDIA_TYPE') return invalidRequest('content-type: must be application/json')
  if (code === 'FST_FILES_LIMIT') return invalidRequest('file: one file an upload')
  if (code === 'FST_FIELDS_LIMIT' || code === 'FST_PARTS_LIMIT') return invalidRequest('the upload has too many parts')
  if (statusCode === 413) return tooLarge('the body is too long')
  if (statusCode === 404) return new ApiError(404, 'not_found_error', message ?? 'not found')
  return invalidRequest(message ?? 'the request is malformed')
}
