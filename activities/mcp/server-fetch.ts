import type { FetchLike } from '@modelcontextprotocol/sdk/shared/transport.js'
import type { Response as Answer, RequestInit } from 'undici'
import { blot } from '../egress/blot.ts'
import { AnswerTooLong, type OutgoingHttp, readStart } from '../egress/outgoing-http.ts'
import type { ServerAccess } from '../vaults/server-access.ts'
import { McpHttpError } from './failures.ts'

/** Bytes of one answer. */
const longest = 32 * 1024 * 1024
/** Bytes of an error that are kept. */
const shown = 2048

export interface ServerFetchParts {
  http: OutgoingHttp
  access: ServerAccess
  /** The answer to a POST ended; `resumable` when the server gave the place to go on at. */
  onEnded(request: { id: string | number; resumable: boolean }): void
  /** The stream of a GET ended. */
  onStreamEnded(): void
}

/**
 * The fetch of a connection to an MCP server: adds the token, gets another when the server refuses it, bounds what
 * comes back, and notices answers that end too soon, which the SDK's transport would wait for.
 */
export function serverFetch({ http, access, onEnded, onStreamEnded }: ServerFetchParts): FetchLike {
  return async (url, init) => {
    const method = init?.method ?? 'GET'
    const send = (token: string | undefined) => {
      const headers = new Headers(init?.headers)
      if (token) headers.set('authorization', `Bearer ${token}`)
      return http.fetch(url, { ...(init as RequestInit), headers: [...headers] })
    }
    const token = await access.token()
    let answer = await send(token)
    if (answer.status === 401 && token) {
      const renewed = await access.renew(token)
      if (renewed) {
        await answer.body?.cancel()
        answer = await send(renewed)
      }
    }
    const message = method === 'POST' ? messageOf(init?.body) : undefined
    if (message && answer.status >= 400) throw await httpError(message.method, answer, access)
    const { body, status, statusText } = answer
    const headers = [...answer.headers]
    if (!body) return new Response(null, { status, statusText, headers })
    const ended = (resumable: boolean) => {
      if (message?.id !== undefined && isStream(answer)) onEnded({ id: message.id, resumable })
      if (method === 'GET') onStreamEnded()
    }
    return new Response(bounded(body as ReadableStream<Uint8Array>, ended), { status, statusText, headers })
  }
}

const isStream = (answer: Answer) => answer.headers.get('content-type')?.startsWith('text/event-stream') ?? false

function messageOf(body: unknown): { method: string; id?: string | number } {
  const message = typeof body === 'string' ? JSON.parse(body) : {}
  return { method: typeof message.method === 'string' ? message.method : 'an answer', id: message.method && message.id }
}

async function httpError(method: string, answer: Answer, { used }: ServerAccess): Promise<McpHttpError> {
  const start = await readStart(answer, shown).catch(() => ({ text: '', truncated: true }))
  return new McpHttpError(method, {
    status_code: answer.status,
    content_type: answer.headers.get('content-type') ?? '',
    body: blot(start.text, [...used]),
    body_truncated: start.truncated,
  })
}

function bounded(body: ReadableStream<Uint8Array>, ended: (resumable: boolean) => void): ReadableStream<Uint8Array> {
  const reader = body.getReader()
  let size = 0
  let resumable = false
  return new ReadableStream<Uint8Array>({
    async pull(controller) {
      try {
        const { done, value } = await reader.read()
        if (done) {
          ended(resumable)
          return controller.close()
        }
        size += value.length
        if (size > longest) throw new AnswerTooLong(`the server's answer is longer than ${longest} bytes`)
        resumable ||= /(^|\n)id:/.test(Buffer.from(value).toString('latin1'))
        controller.enqueue(value)
      } catch (error) {
        ended(resumable && !(error instanceof AnswerTooLong))
        await reader.cancel().catch(() => {})
        controller.error(error)
      }
    },
    cancel: (reason) => reader.cancel(reason),
  })
}
