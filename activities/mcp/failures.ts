import { ErrorCode, McpError } from '@modelcontextprotocol/sdk/types.js'
import type { ErrorResponse } from '../../protocol/credential-validation.ts'
import { AddressRefused } from '../egress/address-policy.ts'
import { blot } from '../egress/blot.ts'
import { RefreshFailed, reason } from '../vaults/token-endpoint.ts'

/** An MCP server answered a request with an HTTP error. */
export class McpHttpError extends Error {
  override readonly name = 'McpHttpError'
  /** JSON-RPC method of the request. */
  readonly method: string
  readonly response: ErrorResponse

  constructor(method: string, response: ErrorResponse) {
    super(`the server answered ${response.status_code} to ${method}`)
    this.method = method
    this.response = response
  }
}

/** Why a server cannot be used, as the session says it. Source: spec §11.1. */
export interface McpFailure {
  type: 'mcp_connection_failed_error' | 'mcp_authentication_failed_error'
  mcp_server_name: string
  message: string
}

export function failureOf(server: string, error: unknown, secrets: Iterable<string>): McpFailure {
  const why = explain(error)
  const message = blot(`MCP server "${server}": ${why}`, [...secrets])
    .slice(0, 1000)
    .toWellFormed()
  const type = isRefusal(error) ? 'mcp_authentication_failed_error' : 'mcp_connection_failed_error'
  return { type, mcp_server_name: server, message }
}

/** Whether it is the credential that is missing or no good. */
export function isRefusal(error: unknown): boolean {
  if (error instanceof RefreshFailed) return true
  const status = error instanceof McpHttpError ? error.response.status_code : (error as { code?: unknown })?.code
  return status === 401 || status === 403
}

/** Whether the call cannot have begun: the request did not reach the server, or was refused by it. */
export function isUnsent(error: unknown): boolean {
  if (error instanceof RefreshFailed) return true
  if (error instanceof McpHttpError) return error.method !== 'tools/call' || isRejection(error.response.status_code)
  const causes = [error, (error as { cause?: unknown })?.cause].flatMap((cause) =>
    cause instanceof AggregateError ? cause.errors : [cause],
  )
  return causes.some(
    (cause) => cause instanceof AddressRefused || unsentCodes.has((cause as { code?: string })?.code ?? ''),
  )
}

/** What a server, or a proxy before it, answers with 5xx or 408 may come after the tool has done its work. */
const isRejection = (status: number) => status < 500 && status !== 408

const unsentCodes = new Set([
  'ECONNREFUSED',
  'ENOTFOUND',
  'EAI_AGAIN',
  'EHOSTUNREACH',
  'ENETUNREACH',
  'UND_ERR_CONNECT_TIMEOUT',
])

/** What stands for an answer that never comes. Servers use the SDK's own codes too: only the reference tells. */
export const brokenOff = { brokenOff: true }

export function isTimeout(error: unknown): boolean {
  return error instanceof McpError && error.code === ErrorCode.RequestTimeout && /timed out|timeout/.test(error.message)
}

/** Whether the server answered the request, with an error: the request is over. */
export function isAnswer(error: unknown): boolean {
  if (!(error instanceof McpError) || isTimeout(error) || error.data === brokenOff) return false
  return !(error.code === ErrorCode.ConnectionClosed && error.message.endsWith('Connection closed'))
}

export function explain(error: unknown): string {
  if (isTimeout(error)) return 'it did not answer in time'
  return reason(error)
}
