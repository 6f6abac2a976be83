import { Client } from '@modelcontextprotocol/sdk/client/index.js'
import { SSEClientTransport } from '@modelcontextprotocol/sdk/client/sse.js'
import { StreamableHTTPClientTransport } from '@modelcontextprotocol/sdk/client/streamableHttp.js'
import type { Transport } from '@modelcontextprotocol/sdk/shared/transport.js'
import { ErrorCode } from '@modelcontextprotocol/sdk/types.js'
import { z } from 'zod'
import type { OutgoingHttp } from '../egress/outgoing-http.ts'
import type { ServerAccess } from '../vaults/server-access.ts'
import { brokenOff, isRefusal, McpHttpError } from './failures.ts'
import { serverFetch } from './server-fetch.ts'

export interface ConnectOptions {
  http: OutgoingHttp
  access: ServerAccess
  /** For the handshake, milliseconds. */
  timeoutMs: number
}

export interface RequestLimits {
  timeoutMs: number
  signal?: AbortSignal
}

const about = { name: 'holdfast', version: '0.1.0' }
/** After the end of an answer, what of it is still on its way through the transport has arrived. Milliseconds. */
const settledMs = 1000
const mostPages = 100
/** Characters of a list of tools. */
const longestList = 8 * 1024 * 1024

const toolPage = z.looseObject({ tools: z.array(z.unknown()), nextCursor: z.string().optional() })
/** Read by `toolResult`, which leaves nothing to what servers promise. */
const callAnswer = z.looseObject({})

/** An open connection to an MCP server: its session there, with what the server keeps for that. */
export class McpConnection {
  readonly #client: Client
  readonly #transport: Transport
  #closed = false

  private constructor(client: Client, transport: Transport) {
    this.#client = client
    this.#transport = transport
    client.onclose = () => {
      this.#closed = true
    }
  }

  /** Streamable HTTP; with servers that do not speak it, the older transport over SSE. Source: spec §19. */
  static async open(url: string, options: ConnectOptions): Promise<McpConnection> {
    try {
      return await McpConnection.#connect(url, options, 'streamable')
    } catch (error) {
      const status = error instanceof McpHttpError && error.method === 'initialize' && error.response.status_code
      if (status !== 400 && status !== 404 && status !== 405) throw error
      return await McpConnection.#connect(url, options, 'sse').catch((other) => {
        throw isRefusal(other) ? other : error
      })
    }
  }

  static async #connect(url: string, options: ConnectOptions, kind: 'streamable' | 'sse'): Promise<McpConnection> {
    const { http, access, timeoutMs } = options
    const client = new Client(about, { capabilities: {} })
    let transport: Transport
    const fetch = serverFetch({
      http,
      access,
      onEnded: ({ id, resumable }) => {
        if (!resumable) setTimeout(() => transport.onmessage?.(lost(id)), settledMs).unref()
      },
      onStreamEnded: () => {
        // The other answers come on this one stream: without it none will.
        if (kind === 'sse') setTimeout(() => void client.close().catch(() => {}), settledMs).unref()
      },
    })
    // The SDK's types do not know exactOptionalPropertyTypes.
    transport = (
      kind === 'sse'
        ? new SSEClientTransport(new URL(url), { fetch })
        : new StreamableHTTPClientTransport(new URL(url), { fetch })
    ) as Transport
    // Nobody listens to what is not the answer to a request.
    client.onerror = () => {}
    const deadline = AbortSignal.timeout(timeoutMs)
    try {
      await within(deadline, client.connect(transport, { timeout: timeoutMs, signal: deadline }))
    } catch (error) {
      await client.close().catch(() => {})
      throw error
    }
    return new McpConnection(client, transport)
  }

  get closed(): boolean {
    return this.#closed
  }

  /** Every page of the server's tools, as it gives them. */
  async listTools({ timeoutMs, signal }: RequestLimits, most: number): Promise<unknown[]> {
    if (!this.#client.getServerCapabilities()?.tools) return []
    const ends = AbortSignal.any([AbortSignal.timeout(timeoutMs), ...(signal ? [signal] : [])])
    const tools: unknown[] = []
    let cursor: string | undefined
    let size = 0
    for (let pages = 0; pages < mostPages && tools.length < most; pages++) {
      const params = cursor === undefined ? {} : { cursor }
      const page = await this.#client.request({ method: 'tools/list', params }, toolPage, {
        timeout: timeoutMs,
        signal: ends,
      })
      tools.push(...page.tools)
      size += JSON.stringify(page.tools).length
      if (!page.nextCursor || page.nextCursor === cursor || size > longestList) break
      cursor = page.nextCursor
    }
    return tools
  }

  /** The result as the server gives it. Aborting tells the server too. */
  async callTool(name: string, input: Record<string, unknown>, { timeoutMs, signal }: RequestLimits): Promise<object> {
    const params = { name, arguments: input }
    return await this.#client.request({ method: 'tools/call', params }, callAnswer, {
      timeout: timeoutMs,
      ...(signal && { signal }),
    })
  }

  /** Tells the server that the session is over, if it listens. */
  async close(): Promise<void> {
    this.#closed = true
    if (this.#transport instanceof StreamableHTTPClientTransport) {
      await within(AbortSignal.timeout(settledMs), this.#transport.terminateSession()).catch(() => {})
    }
    await this.#client.close().catch(() => {})
  }
}

/** The answer that stands for the one that never comes. */
function lost(id: string | number) {
  const message = 'the connection ended before the answer came'
  return { jsonrpc: '2.0' as const, id, error: { code: ErrorCode.ConnectionClosed, message, data: brokenOff } }
}

/** What is not done when the signal aborts is left to itself. */
function within<T>(signal: AbortSignal, work: Promise<T>): Promise<T> {
  work.catch(() => {})
  return new Promise((resolve, reject) => {
    const stop = () => reject(new Error('it did not answer in time'))
    signal.addEventListener('abort', stop, { once: true })
    work.then(resolve, reject).finally(() => signal.removeEventListener('abort', stop))
  })
}
