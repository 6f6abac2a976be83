import { APIConnectionError, APIError } from '@anthropic-ai/sdk'
import type { ModelFailure } from '../../protocol/contract.ts'
import { ModelRequestFailed } from './provider.ts'
import { MalformedReply } from './reply.ts'

/** What a failed request means: its kind, whether another attempt makes sense, and when. Source: spec §11.1. */
export function modelFailure(error: unknown, secrets: (string | undefined)[]): ModelRequestFailed {
  const failure = judge(error)
  return new ModelRequestFailed({ ...failure, message: scrub(failure.message, secrets) })
}

function judge(error: unknown): ModelFailure {
  if (error instanceof StreamStalled || error instanceof MalformedReply) {
    return { error: 'model_request_failed_error', message: error.message, transient: true }
  }
  if (error instanceof Unsendable) {
    const fix = 'check ANTHROPIC_API_KEY (or ANTHROPIC_AUTH_TOKEN) and ANTHROPIC_BASE_URL of the worker'
    const message = `the request could not be sent: ${error.message}; ${fix}`
    return { error: 'model_request_failed_error', message, transient: false }
  }
  if (error instanceof APIConnectionError) {
    const reason = error.cause instanceof Error ? `: ${rootCause(error.cause)}` : ''
    return {
      error: 'model_request_failed_error',
      message: `the model's server cannot be reached${reason} (see ANTHROPIC_BASE_URL)`,
      transient: true,
    }
  }
  if (error instanceof APIError) return ofResponse(error)
  const message = error instanceof Error ? error.message : String(error)
  // A connection that breaks under a stream is no APIError; neither is a line that is no JSON.
  return { error: 'model_request_failed_error', message: `the reply broke off: ${message}`, transient: true }
}

function ofResponse(error: APIError): ModelFailure {
  const { status, headers } = error
  const body = (error.error as { error?: { type?: string; message?: string } } | undefined)?.error
  const message = body?.message ?? error.message
  const asked = headers?.get('x-should-retry')
  const retryAfterMs = retryAfter(headers)
  const withDelay = retryAfterMs === undefined ? {} : { retryAfterMs }
  const transient = asked === 'true' || (asked !== 'false' && isTransient(status, body?.type))
  if (status === 429 || body?.type === 'rate_limit_error') {
    return { error: 'model_rate_limited_error', message, transient: asked !== 'false', ...withDelay }
  }
  if (status === 529 || body?.type === 'overloaded_error') {
    return { error: 'model_overloaded_error', message, transient: asked !== 'false', ...withDelay }
  }
  if (status === 402 || body?.type === 'billing_error' || (status === 400 && /credit balance/i.test(message))) {
    return { error: 'billing_error', message, transient: false }
  }
  if (status === 401 || status === 403) {
    const fix = 'check ANTHROPIC_API_KEY (or ANTHROPIC_AUTH_TOKEN) of the worker'
    return {
      error: 'model_request_failed_error',
      message: `the model's server refused the key (${status}): ${fix}`,
      transient: false,
    }
  }
  const tooLong = isTooLong(status, message)
  if (tooLong) return { error: 'model_request_failed_error', message, transient: false, tooLong }
  const refused = status === 400
  return { error: 'model_request_failed_error', message, transient, ...(refused && { refused }), ...withDelay }
}

/**
 * The prompt, or prompt and reply together, exceed the model's window; or the request is larger than the API takes
 * (413), which is a matter of images and documents. A compaction makes room in both.
 */
function isTooLong(status: number | undefined, message: string): boolean {
  if (status === 413) return true
  return status === 400 && /prompt is too long|exceeds? (the )?(model's )?context (limit|window)/i.test(message)
}

function isTransient(status: number | undefined, type: string | undefined): boolean {
  // An error within a stream that had begun has no status of its own.
  if (status === undefined || status === 200) return type !== 'invalid_request_error'
  return status >= 500 || status === 408 || status === 409
}

function retryAfter(headers: Headers | undefined): number | undefined {
  const ms = Number.parseFloat(headers?.get('retry-after-ms') ?? '')
  if (ms >= 0) return ms
  const text = headers?.get('retry-after')
  if (!text) return undefined
  const seconds = Number(text)
  if (seconds >= 0) return seconds * 1000
  const date = Date.parse(text)
  return Number.isNaN(date) ? undefined : Math.max(0, date - Date.now())
}

function rootCause(error: Error): string {
  return error.cause instanceof Error ? rootCause(error.cause) : error.message
}

/** The text without anything that is, or looks like, a key. */
function scrub(text: string, secrets: (string | undefined)[]): string {
  // Shorter ones would be found in ordinary words.
  const known = secrets.filter((secret) => secret !== undefined && secret.length >= 8) as string[]
  const bare = known.reduce((rest, secret) => rest.replaceAll(secret, '[secret]'), text)
  return bare
    .replace(/sk-ant-[A-Za-z0-9_-]+/g, '[secret]')
    .replace(/:\/\/[^\s/@]+@/g, '://[secret]@')
    .slice(0, 2000)
}

/** There was no request: a key or an address is not what it should be. */
export class Unsendable extends Error {
  override readonly name = 'Unsendable'

  constructor(cause: unknown) {
    super(cause instanceof Error ? cause.message : String(cause))
  }
}

/** The model's server sent nothing (or nothing of use) for too long. */
export class StreamStalled extends Error {
  override readonly name = 'StreamStalled'
}
