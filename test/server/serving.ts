import net from 'node:net'
import Anthropic from '@anthropic-ai/sdk'
import { onTestFinished } from 'vitest'
import type { HoldfastApi, SessionsApi } from '../../client/api.ts'
import { type ServerOptions, startServer } from '../../server/main.ts'

/** The methods that a test is about; any other ends in a 500. */
export type FakeApi = {
  [R in Exclude<keyof HoldfastApi, 'sessions'>]?: Partial<HoldfastApi[R]>
} & { sessions?: Partial<Omit<SessionsApi, 'events'>> & { events?: Partial<SessionsApi['events']> } }

export interface Serving {
  url: string
  /** The official SDK; without retries, so that a test sees each answer. */
  client: Anthropic
  /** Lines of the server's log. */
  log: string[]
  close(): Promise<void>
}

export async function serve(fake: FakeApi = {}, options: Omit<ServerOptions, 'api' | 'log'> = {}): Promise<Serving> {
  const api = { agents: {}, environments: {}, files: {}, ...fake, sessions: { events: {}, ...fake.sessions } }
  const log: string[] = []
  const server = await startServer({ ...options, api: api as unknown as HoldfastApi, log: (line) => log.push(line) })
  onTestFinished(() => server.close())
  const client = new Anthropic({ baseURL: server.url, apiKey: options.apiKeys?.[0] ?? 'any', maxRetries: 0 })
  return { url: server.url, client, log, close: () => server.close() }
}

/** An answer that is looked at whole. */
export interface Answer {
  status: number
  headers: Headers
  // biome-ignore lint/suspicious/noExplicitAny: the body is what the test is about
  body: any
}

export async function ask(url: string, init: RequestInit = {}): Promise<Answer> {
  const response = await fetch(url, init)
  const text = await response.text()
  return { status: response.status, headers: response.headers, body: text === '' ? undefined : JSON.parse(text) }
}

export function post(url: string, body: RequestInit['body'], headers: Record<string, string> = {}): Promise<Answer> {
  return ask(url, { method: 'POST', body, headers: { 'content-type': 'application/json', ...headers } })
}

export interface Connection {
  socket: net.Socket
  /** What has come so far. */
  text(): string
  closed: Promise<void>
}

/** A connection on which anything can be said; what comes is read as it comes. */
export async function connect(url: string, say = ''): Promise<Connection> {
  const { hostname, port } = new URL(url)
  const socket = net.connect({ host: hostname, port: Number(port) })
  onTestFinished(() => void socket.destroy())
  const chunks: Buffer[] = []
  socket.on('data', (chunk) => chunks.push(chunk))
  // The server may reset it: that is one way of closing.
  socket.on('error', () => {})
  const closed = new Promise<void>((resolve) => socket.once('close', () => resolve()))
  await new Promise<void>((resolve) => socket.once('connect', resolve))
  socket.write(say)
  return { socket, text: () => Buffer.concat(chunks).toString(), closed }
}

/** The JSON body and the status of the last answer on a connection. */
export function lastAnswer(text: string): Answer {
  const head = text.slice(text.lastIndexOf('HTTP/1.1 '))
  const [lines = '', body = ''] = head.split('\r\n\r\n')
  const fields = lines.split('\r\n').slice(1)
  const headers = new Headers(fields.map((line): [string, string] => [line.split(': ')[0]!, line.split(': ')[1]!]))
  return { status: Number(lines.split(' ')[1]), headers, body: JSON.parse(body) }
}
