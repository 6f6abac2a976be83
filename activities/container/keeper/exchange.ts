import http, {
  type ClientRequest,
  type IncomingHttpHeaders,
  type IncomingMessage,
  type ServerResponse,
} from 'node:http'
import https from 'node:https'
import type { Readable, Transform } from 'node:stream'
import type { Resolved } from '../../egress/address-policy.ts'

/** Milliseconds without a byte. Git keeps a connection alive while it packs. */
export const silenceMs = 5 * 60_000

/** Headers that belong to one connection. Source: RFC 9110 §7.6.1. */
const ofConnection = new Set([
  'connection',
  'expect',
  'host',
  'keep-alive',
  'proxy-authenticate',
  'proxy-authorization',
  'proxy-connection',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
])

/** The headers that are meant for the other end. */
export function endToEnd(headers: IncomingHttpHeaders): IncomingHttpHeaders {
  const named = new Set(headers.connection?.toLowerCase().split(/\s*,\s*/))
  return Object.fromEntries(Object.entries(headers).filter(([name]) => !ofConnection.has(name) && !named.has(name)))
}

export interface Onward {
  protocol: 'http:' | 'https:'
  /** Name or address; for TLS also whom the certificate must be for. */
  hostname: string
  port: number
  /** As it is to be sent. */
  path: string
  /** Without those of the connection. */
  headers: IncomingHttpHeaders
  /** What was checked, which is what is dialled. */
  address: Resolved
  /** @default the request's own */
  body?: Readable
  /** @default a connection for this request alone */
  agent?: https.Agent
  /** Changes the headers of the answer. */
  answered?: (headers: IncomingHttpHeaders) => IncomingHttpHeaders
  /** What the body of an answer with these headers goes through. @default nothing */
  through?: (headers: IncomingHttpHeaders) => Transform | undefined
}

/** Begins a request to where it is to go; nothing of a body is sent yet. */
export function begin({ method, headers }: Pick<IncomingMessage, 'method' | 'headers'>, onward: Onward): ClientRequest {
  const { protocol, port, path, agent = false, address: dialled } = onward
  const { address, family } = dialled
  // Without it a body of unknown length would go out unframed with methods that have none as a rule.
  const isChunked = headers['transfer-encoding'] !== undefined && onward.headers['content-length'] === undefined
  const send = protocol === 'https:' ? https.request : http.request
  const outgoing = send({
    // Node wants addresses of IPv6 bare.
    hostname: onward.hostname.replace(/^\[|\]$/g, ''),
    port,
    path,
    method,
    headers: { ...onward.headers, ...(isChunked && { 'transfer-encoding': 'chunked' }) },
    agent,
    timeout: silenceMs,
    lookup: (_host, { all }, done) => (all ? done(null, [{ address, family }]) : done(null, address, family)),
  })
  return outgoing.on('timeout', () => outgoing.destroy(new Error('the server was silent for too long')))
}

/** A listener of a request's promise: what it throws is the failure of that request, and not the end of the process. */
export function failing<T extends unknown[]>(reject: (error: unknown) => void, listener: (...given: T) => void) {
  return (...given: T) => {
    try {
      listener(...given)
    } catch (error) {
      reject(error)
    }
  }
}

/** @throws when the status ends no request: Node takes any three digits from a server, and does not send them all */
export function checkStatus({ statusCode = 0 }: IncomingMessage): void {
  if (statusCode < 200) throw new Error(`status ${statusCode} is none of an answer`)
}

/** Passes a request on, and the answer back. Rejects when the server cannot be reached or breaks off. */
export async function exchange(request: IncomingMessage, response: ServerResponse, onward: Onward): Promise<void> {
  // The container left while it was found out where to go: nothing would tell of that any more.
  if (response.destroyed) return
  const { body = request } = onward
  const outgoing = begin(request, onward)
  await new Promise<void>((resolve, reject) => {
    outgoing.on('error', (error: NodeJS.ErrnoException) => {
      // The server has closed a connection that was at rest. Clients know that, and try again on another one.
      if (outgoing.reusedSocket && error.code === 'ECONNRESET') response.destroy()
      else reject(error)
    })
    response.on('close', () => {
      outgoing.destroy()
      resolve()
    })
    outgoing.on(
      'response',
      failing(reject, (answer) => answerWith(response, answer, onward)),
    )
    // Without a listener Node ends the connection and says nothing of it.
    outgoing.on('upgrade', (_answer, socket) => {
      socket.destroy()
      reject(new Error('the server changed to another protocol, unasked'))
    })
    request.on('error', () => outgoing.destroy())
    body.on('error', () => outgoing.destroy())
    body.pipe(outgoing)
  })
}

function answerWith(response: ServerResponse, answer: IncomingMessage, onward: Onward): void {
  checkStatus(answer)
  const { answered = (headers) => headers, through } = onward
  const headers = answered(endToEnd(answer.headers))
  const status = answer.statusCode!
  const isEmpty = response.req.method === 'HEAD' || status === 204 || status === 304
  const change = isEmpty ? undefined : through?.(headers)
  const { 'content-length': _, ...unmeasured } = headers
  response.writeHead(status, change ? unmeasured : headers)
  answer.on('error', () => response.destroy())
  if (change) answer.pipe(change).pipe(response)
  else answer.pipe(response)
}
