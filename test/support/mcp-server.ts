import { randomUUID } from 'node:crypto'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { Server } from '@modelcontextprotocol/sdk/server/index.js'
import { StreamableHTTPServerTransport } from '@modelcontextprotocol/sdk/server/streamableHttp.js'
import { Protocol } from '@modelcontextprotocol/sdk/shared/protocol.js'
import { CallToolRequestSchema, ListToolsRequestSchema } from '@modelcontextprotocol/sdk/types.js'

export interface TestTool {
  name: string
  description?: string
  inputSchema?: unknown
  annotations?: { readOnlyHint?: boolean; idempotentHint?: boolean }
  /** The result; `signal` aborts when the client cancels. */
  run?: (input: Record<string, unknown>, signal: AbortSignal) => unknown
}

export interface TestMcpServerOptions {
  tools: TestTool[]
  /** Tokens that are let in. @default everybody is */
  tokens?: () => string[]
  /** Takes a request away from the server. */
  intercept?: (request: IncomingMessage, response: ServerResponse) => boolean
  /** @default a free one */
  port?: number
}

export interface TestMcpServer {
  url: string
  port: number
  /** The calls that were begun, in order. */
  calls: { name: string; input: Record<string, unknown> }[]
  /** Calls that the client cancelled. */
  cancelled: string[]
  /** `authorization` of every request. */
  authorizations: (string | undefined)[]
  /** JSON-RPC sessions that were opened. */
  sessions: number
  close(): Promise<void>
}

/** A real MCP server on loopback: the official SDK's server side over streamable HTTP. */
export async function startMcpServer(options: TestMcpServerOptions): Promise<TestMcpServer> {
  const transports = new Map<string, StreamableHTTPServerTransport>()
  const http = createServer((request, response) => {
    void handle(request, response).catch(() => response.destroy())
  })
  const state: Omit<TestMcpServer, 'close'> = {
    url: '',
    port: 0,
    calls: [],
    cancelled: [],
    authorizations: [],
    sessions: 0,
  }

  async function handle(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { authorization } = request.headers
    state.authorizations.push(authorization)
    if (options.intercept?.(request, response)) return
    const tokens = options.tokens?.()
    if (tokens && !tokens.some((token) => authorization === `Bearer ${token}`)) {
      response.writeHead(401, { 'content-type': 'application/json' })
      return void response.end(JSON.stringify({ error: 'invalid_token', given: authorization }))
    }
    const known = transports.get(String(request.headers['mcp-session-id']))
    if (known) return await known.handleRequest(request, response)
    if (request.headers['mcp-session-id']) return void response.writeHead(404).end()
    const transport: StreamableHTTPServerTransport = new StreamableHTTPServerTransport({
      sessionIdGenerator: randomUUID,
      onsessioninitialized: (id) => {
        state.sessions++
        transports.set(id, transport)
      },
    })
    // The SDK's types do not know exactOptionalPropertyTypes.
    await makeServer().connect(transport as Parameters<Server['connect']>[0])
    await transport.handleRequest(request, response)
  }

  function makeServer(): Server {
    const server = new Server({ name: 'test', version: '1' }, { capabilities: { tools: {} } })
    server.setRequestHandler(ListToolsRequestSchema, () => ({
      tools: options.tools.map(({ run: _run, ...tool }) => ({ inputSchema: { type: 'object' }, ...tool })) as never,
    }))
    // Not the server's own method, which refuses results that the protocol does not know.
    Protocol.prototype.setRequestHandler.call(server, CallToolRequestSchema, async ({ params }, { signal }) => {
      const { name, arguments: input = {} } = params
      state.calls.push({ name, input })
      signal.addEventListener('abort', () => state.cancelled.push(name))
      const tool = options.tools.find((known) => known.name === name)
      return (await (tool?.run?.(input, signal) ?? { content: [] })) as never
    })
    return server
  }

  await new Promise<void>((resolve) => http.listen(options.port ?? 0, '127.0.0.1', resolve))
  state.port = (http.address() as AddressInfo).port
  state.url = `http://127.0.0.1:${state.port}/mcp`
  return Object.assign(state, {
    close: () =>
      new Promise<void>((resolve) => {
        http.close(() => resolve())
        http.closeAllConnections()
      }),
  })
}

export const said = (text: string) => ({ content: [{ type: 'text', text }] })
