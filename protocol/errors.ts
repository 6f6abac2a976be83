/** Errors of the API, as clients see them. Source: spec §2.3. */

export type ApiErrorType =
  | 'invalid_request_error'
  | 'authentication_error'
  | 'billing_error'
  | 'permission_error'
  | 'not_found_error'
  | 'conflict_error'
  | 'memory_path_conflict_error'
  | 'memory_precondition_failed_error'
  | 'request_too_large'
  | 'rate_limit_error'
  | 'api_error'
  | 'timeout_error'
  | 'overloaded_error'

export interface ApiErrorOptions {
  /** Machine-readable code in `error.details.error_code`. */
  code?: string
  /** Further fields of `error.details`. */
  details?: Record<string, unknown>
  /** Further fields beside `error.message` (the memory conflicts have some). */
  fields?: Record<string, unknown>
  /** Seconds after which a retry makes sense; sent as `retry-after`. */
  retryAfterSeconds?: number
  /**
   * What the header `x-should-retry` says. The SDKs retry 408, 409, 429 and 5xx by themselves, so a permanent 409 must
   * say no.
   * @default false for 409, otherwise the header is not sent
   */
  shouldRetry?: boolean
  cause?: unknown
}

/** An error with an HTTP status and the envelope's type. Thrown by the library and answered by the HTTP server. */
export class ApiError extends Error {
  override readonly name = 'ApiError'
  readonly status: number
  readonly type: ApiErrorType
  readonly code: string | undefined
  readonly details: Record<string, unknown> | undefined
  readonly fields: Record<string, unknown> | undefined
  readonly retryAfterSeconds: number | undefined
  readonly shouldRetry: boolean | undefined

  constructor(status: number, type: ApiErrorType, message: string, options: ApiErrorOptions = {}) {
    super(message, { cause: options.cause })
    this.status = status
    this.type = type
    this.code = options.code
    this.details = options.code ? { error_code: options.code, ...options.details } : options.details
    this.fields = options.fields
    this.retryAfterSeconds = options.retryAfterSeconds
    this.shouldRetry = options.shouldRetry ?? (status === 409 ? false : undefined)
  }
}

/** 400: the request is malformed or the object's state does not allow it. */
export const invalidRequest = (message: string, options?: ApiErrorOptions) =>
  new ApiError(400, 'invalid_request_error', message, options)

/** 400 for an option of the API that this version does not implement: refused, never silently ignored. */
export const notSupported = (what: string) =>
  new ApiError(400, 'invalid_request_error', `${what} is not supported by this version of Holdfast`, {
    code: 'not_supported',
  })

export const authenticationError = (message: string) => new ApiError(401, 'authentication_error', message)

/** 404: no such object. */
export const notFound = (what: string, id: string, options?: ApiErrorOptions) =>
  new ApiError(404, 'not_found_error', `${what} ${id} was not found`, options)

export const environmentNotFound = (id: string) => notFound('environment', id, { code: 'environment_not_found' })

export const conflict = (message: string, options?: ApiErrorOptions) =>
  new ApiError(409, 'conflict_error', message, options)

export const tooLarge = (message: string, options?: ApiErrorOptions) =>
  new ApiError(413, 'request_too_large', message, options)

/** 429; the SDKs come again by themselves after that many seconds. */
export const rateLimited = (message: string, retryAfterSeconds: number) =>
  new ApiError(429, 'rate_limit_error', message, { retryAfterSeconds })

/** 503: a part that this request needs is away for the moment; the SDKs retry by themselves. */
export const unavailable = (message: string, options?: ApiErrorOptions) =>
  new ApiError(503, 'api_error', message, { retryAfterSeconds: 1, ...options })
