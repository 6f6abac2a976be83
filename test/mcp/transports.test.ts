import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { Server } from '@modelcontextprotocol/sdk/server/index.js'
import { SSEServerTransport } from '@modelcontextprotocol/sdk/server/sse.js'
import { CallToolRequestSchema, ListToolsRequestSchema } from '@modelcontextprotocol/sdk/types.js'
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest'
import { converse, lastText, typesOf } from '../support/conversation.ts'
import { startTestHost, type TestHost } from '../support/host.ts'
import { said, startMcpServer } from '../support/mcp-server.ts'

let host: TestHost
beforeAll(async () => {
  host = await startTestHost({ config: { egress: { allowPrivate: ['127.0.0.1'] }, mcp: { connectMs: 3000 } } })
})
afterAll(() => host?.remove())

async function sessionOn(url: string, environment = host.environment) {
  const agent = await host.client.beta.agents.create({
    name: 'Connected',
    model: 'claude-opus-5',
    tools: [
      {
        type: 'mcp_toolset',
        mcp_server_name: 's',
        default_config: { permission_policy: { type: 'always_allow' } },
      },
    ],
    mcp_servers: [{ type: 'url', name: 's', url }],
  })
  return host.client.beta.sessions.create({ agent: agent.id, environment_id: environment })
}

/** A server of the time before streamable HTTP. */
async function startOldServer(run: () => Promise<unknown>) {
  const transports = new Map<string, SSEServerTransport>()
  const http = createServer(async (request, response) => {
    const url = new URL(request.url ?? '/', 'http://host')
    if (request.method === 'GET' && url.pathname === '/sse') {
      const transport = new SSEServerTransport('/messages', response)
      transports.set(transport.sessionId, transport)
      const server = new Server({ name: 'old', version: '1' }, { capabilities: { tools: {} } })
      server.setRequestHandler(ListToolsRequestSchema, () => ({
        tools: [{ name: 'old', inputSchema: { type: 'object' } }],
      }))
      server.setRequestHandler(CallToolRequestSchema, async () => (await run()) as never)
      return void server.connect(transport)
    }
    const transport = transports.get(url.searchParams.get('sessionId') ?? '')
    if (request.method === 'POST' && transport) return void transport.handlePostMessage(request, response)
    response.writeHead(404).end()
  })
  await new Promise<void>((resolve) => http.listen(0, '127.0.0.1', resolve))
  onTestFinished(() => {
    http.close()
    http.closeAllConnections()
  })
  return { url: `http://127.0.0.1:${(http.address() as AddressInfo).port}/sse`, drop: () => http.closeAllConnections() }
}

describe('a server that speaks only the older transport', () => {
  it('is spoken to over that', async () => {
    const server = await startOldServer(async () => said('from the old days'))
    const session = await sessionOn(server.url)
    const events = await converse(host.client, session.id, '#tool mcp__s__old {}\n#say {{last}}')
    expect(typesOf(events)).not.toContain('session.error')
    expect(lastText(events)).toContain('from the old days')
  })

  it('and drops the connection during a call leaves its outcome unknown', async () => {
    const server = await startOldServer(async () => {
      server.drop()
      return said('never heard')
    })
    const session = await sessionOn(server.url)
    const events = await converse(host.client, session.id, '#tool mcp__s__old {}\n#say {{last}}')
    expect(lastText(events)).toContain('It is unknown whether this call ran')
  })
})

describe('an environment with limited networking', () => {
  it('lets MCP servers be used only when it allows them', async () => {
    const server = await startMcpServer({ tools: [{ name: 't', run: () => said('reached') }] })
    onTestFinished(() => server.close())
    const networking = { type: 'limited' as const }
    const { environments } = host.client.beta
    const closed = await environments.create({ name: 'closed', config: { type: 'cloud', networking } })
    const open = await environments.create({
      name: 'open',
      config: { type: 'cloud', networking: { ...networking, allow_mcp_servers: true } },
    })
    const refused = await sessionOn(server.url, closed.id)
    const events = await converse(host.client, refused.id, '#say going on')
    expect(events.find((event) => event.type === 'session.error')!.error).toMatchObject({
      type: 'mcp_connection_failed_error',
      message: expect.stringContaining('allow_mcp_servers'),
    })
    expect(server.authorizations).toEqual([])
    const session = await sessionOn(server.url, open.id)
    const reached = await converse(host.client, session.id, '#tool mcp__s__t {}\n#say {{last}}')
    expect(lastText(reached)).toContain('reached')
  })
})

describe('an error that a server answers with', () => {
  it('is no unknown outcome, whatever its code', async () => {
    const { McpError } = await import('@modelcontextprotocol/sdk/types.js')
    const server = await startMcpServer({
      tools: [
        {
          name: 't',
          run: () => {
            throw new McpError(-32000, 'the database is on holiday')
          },
        },
      ],
    })
    onTestFinished(() => server.close())
    const session = await sessionOn(server.url)
    const events = await converse(host.client, session.id, '#tool mcp__s__t {}\n#say {{last}}')
    expect(lastText(events)).toContain('the database is on holiday')
    expect(lastText(events)).not.toContain('unknown')
  })
})
