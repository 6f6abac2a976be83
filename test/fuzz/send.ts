import http from 'node:http'
import net from 'node:net'
import type { FuzzRequest } from './requests.ts'
import type { Kind } from './values.ts'

export interface FuzzAnswer {
  status: number
  headers: http.IncomingHttpHeaders
  text: string
}

/** Longer than any answer may take: what is still open then hangs. */
const patienceMs = 20_000

/** Puts living ids where the request wants some. */
export function withIds(request: FuzzRequest, ids: Record<Kind, string>): FuzzRequest {
  const fill = (text: string) => text.replace(/<(\w+)>/g, (whole, kind: string) => ids[kind as Kind] ?? whole)
  const body = typeof request.body === 'string' ? fill(request.body) : request.body
  const path = fill(request.path).replace(/%3C(\w+)%3E/g, (whole, kind: string) => ids[kind as Kind] ?? whole)
  return { ...request, path, ...(body !== undefined && { body }) }
}

/** Sends it as it is. Undefined when the connection was cut off on purpose. An event stream is left once it has begun. */
export function send(url: string, request: FuzzRequest): Promise<FuzzAnswer | undefined> {
  return request.cutOff ? sendCutOff(url, request) : sendWhole(url, request)
}

function sendWhole(url: string, { method, path, headers, body }: FuzzRequest): Promise<FuzzAnswer> {
  const bytes = body === undefined ? undefined : Buffer.from(body as string)
  return new Promise((resolve, reject) => {
    const { hostname, port } = new URL(url)
    const length = bytes && method !== 'GET' ? { 'content-length': bytes.length } : {}
    const sent = http.request({ hostname, port, method, path, headers: { ...headers, ...length }, agent: false })
    const timer = setTimeout(() => sent.destroy(new Error('the request hangs')), patienceMs)
    sent.on('close', () => clearTimeout(timer))
    sent.on('error', reject)
    sent.on('response', (response) => {
      const chunks: Buffer[] = []
      const end = () => {
        resolve({ status: response.statusCode!, headers: response.headers, text: Buffer.concat(chunks).toString() })
        sent.destroy()
      }
      if (response.headers['content-type']?.startsWith('text/event-stream')) return end()
      response
        .on('data', (chunk) => chunks.push(chunk))
        .on('end', end)
        .on('error', reject)
    })
    sent.end(bytes)
  })
}

function sendCutOff(url: string, { method, path, headers, body = '' }: FuzzRequest): Promise<undefined> {
  const { hostname, port } = new URL(url)
  const bytes = Buffer.from(body as string)
  const fields = Object.entries({ ...headers, host: hostname, 'content-length': String(bytes.length + 10) })
  const head = [`${method} ${path} HTTP/1.1`, ...fields.map(([name, value]) => `${name}: ${value}`)].join('\r\n')
  return new Promise((resolve, reject) => {
    const socket = net.connect({ host: hostname, port: Number(port) })
    const timer = setTimeout(() => reject(new Error('the connection hangs')), patienceMs)
    socket.on('error', () => {})
    socket.on('close', () => {
      clearTimeout(timer)
      resolve(undefined)
    })
    socket.resume()
    socket.end(Buffer.concat([Buffer.from(`${head}\r\n\r\n`, 'latin1'), bytes]))
  })
}
