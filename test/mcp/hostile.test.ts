import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest'
import { converse, lastText, typesOf } from '../support/conversation.ts'
import { startTestHost, type TestHost } from '../support/host.ts'
import { said, startMcpServer, type TestMcpServerOptions, type TestTool } from '../support/mcp-server.ts'

let host: TestHost
beforeAll(async () => {
  host = await startTestHost({
    config: { egress: { allowPrivate: ['127.0.0.1'] }, mcp: { connectMs: 3000, callMs: 1500 } },
  })
})
afterAll(() => host?.remove())

async function serverOf(tools: TestTool[], options: Omit<TestMcpServerOptions, 'tools'> = {}) {
  const server = await startMcpServer({ tools, ...options })
  onTestFinished(() => server.close())
  return server
}

async function sessionWith(...urls: string[]) {
  const names = urls.map((_url, index) => `s${index}`)
  const agent = await host.client.beta.agents.create({
    name: 'Exposed',
    model: 'claude-opus-5',
    tools: [
      { type: 'agent_toolset_20260401' },
      ...names.map((mcp_server_name) => ({
        type: 'mcp_toolset' as const,
        mcp_server_name,
        default_config: { permission_policy: { type: 'always_allow' as const } },
      })),
    ],
    mcp_servers: urls.map((url, index) => ({ type: 'url', name: names[index]!, url })),
  })
  return host.client.beta.sessions.create({ agent: agent.id, environment_id: host.environment })
}

const offered = () => host.model.requests.at(-1)!.body.tools
const mcpNames = () =>
  offered()
    .map(({ name }) => name)
    .filter((name) => name.startsWith('mcp__'))

describe('an MCP server', () => {
  it('with thousands of tools shows the model a bounded, sorted number of them', async () => {
    const tools = Array.from({ length: 3000 }, (_, index) => ({
      name: `tool_${String(2999 - index).padStart(4, '0')}`,
    }))
    const session = await sessionWith((await serverOf(tools)).url)
    const events = await converse(host.client, session.id, '#say fine')
    expect(lastText(events)).toContain('fine')
    expect(mcpNames()).toHaveLength(256)
    expect(mcpNames()).toEqual([...mcpNames()].sort())
  })

  it('with the names of built-in tools, of another server and of nobody takes none of theirs', async () => {
    const names = ['bash', 'read', '', 'x'.repeat(300), 'bash', 'a b', 'a.b', '__proto__', 'constructor']
    const one = await serverOf(names.map((name) => ({ name, run: () => said('from the server') })))
    const other = await serverOf([{ name: 'bash', run: () => said('from the other') }])
    const session = await sessionWith(one.url, other.url)
    const events = await converse(
      host.client,
      session.id,
      '#bash echo from the container\n#tool mcp__s1__bash {}\n#say {{last}}',
    )
    expect(JSON.stringify(events)).toContain('from the container')
    expect(lastText(events)).toContain('from the other')
    const all = offered().map(({ name }) => name)
    expect(new Set(all).size).toBe(all.length)
    for (const name of mcpNames()) expect(name).toMatch(/^[A-Za-z0-9_-]{1,128}$/)
    expect(mcpNames()).toContain('mcp__s0__bash')
    expect(one.calls).toEqual([])
  })

  it('with schemas that no model takes keeps its tools, and spoils no request', async () => {
    const deep = JSON.parse(`${'{"a":'.repeat(500)}1${'}'.repeat(500)}`)
    const schemas: [string, unknown][] = [
      ['none', { type: 'object' }],
      ['union', { type: 'object', anyOf: [{ required: ['a'] }] }],
      ['wrong', { type: 'object', properties: { a: { type: 'nothing' } } }],
      ['names', { type: 'object', properties: { 'a b': { type: 'string' } } }],
      ['remote', { type: 'object', properties: { a: { $ref: 'http://127.0.0.1/x' } } }],
      ['deep', { type: 'object', properties: deep }],
      ['huge', { type: 'object', description: 'x'.repeat(200_000) }],
      [
        'fine',
        { $schema: 'http://json-schema.org/draft-07/schema#', type: 'object', properties: { q: { type: 'string' } } },
      ],
    ]
    const server = await serverOf(schemas.map(([name, inputSchema]) => ({ name, inputSchema, run: () => said(name) })))
    const session = await sessionWith(server.url)
    const events = await converse(host.client, session.id, '#tool mcp__s0__wrong {"a":1}\n#say {{last}}')
    expect(lastText(events)).toContain('wrong')
    const byName = new Map(offered().map(({ name, ...tool }) => [name, JSON.stringify(tool)]))
    expect([...byName.keys()].filter((name) => name.startsWith('mcp__'))).toHaveLength(schemas.length)
    expect(byName.get('mcp__s0__fine')).toContain('"q":{"type":"string"}')
    for (const name of ['union', 'wrong', 'names', 'remote', 'deep', 'huge']) {
      const { input_schema } = JSON.parse(byName.get(`mcp__s0__${name}`)!)
      expect(input_schema).toEqual({ type: 'object' })
    }
    expect(JSON.stringify([...byName]).length).toBeLessThan(50_000)
  })

  it('with half of a surrogate pair anywhere in a schema spoils no request', async () => {
    const half = '\ud800'
    const schemas: [string, object][] = [
      ['description', { type: 'object', properties: { a: { type: 'string', description: `x${half}` } } }],
      ['values', { type: 'object', properties: { a: { enum: [half, '😀'], default: { [half]: half } } } }],
      ['keyword', { type: 'object', [`x-${half}`]: [{ [half]: '\\ud800' }] }],
      ['name', { type: 'object', properties: { [half]: { type: 'string' } } }],
    ]
    const server = await serverOf(schemas.map(([name, inputSchema]) => ({ name, inputSchema, run: () => said(name) })))
    const session = await sessionWith(server.url)
    const events = await converse(host.client, session.id, '#tool mcp__s0__description {"a":"b"}\n#say {{last}}')
    expect(lastText(events)).toContain('description')
    expect(mcpNames()).toHaveLength(schemas.length)
    const shown = Object.fromEntries(offered().map(({ name, input_schema }) => [name, input_schema]))
    expect(shown).toMatchObject({
      mcp__s0__description: { properties: { a: { description: 'x\ufffd' } } },
      mcp__s0__values: { properties: { a: { enum: ['\ufffd', '😀'], default: { '\ufffd': '\ufffd' } } } },
      mcp__s0__keyword: { 'x-\ufffd': [{ '\ufffd': '\\ud800' }] },
      // No name that the Messages API takes.
      mcp__s0__name: { type: 'object' },
    })
  })

  it('that answers too much, nothing, or what nobody knows gives the model a bounded result', async () => {
    const png = Buffer.concat([Buffer.from('\x89PNG\r\n\x1a\n', 'latin1'), Buffer.alloc(16)]).toString('base64')
    const results: Record<string, unknown> = {
      huge: said('x'.repeat(3_000_000)),
      many: { content: Array.from({ length: 5000 }, () => ({ type: 'text', text: 'part' })) },
      empty: { content: [] },
      blank: said('  '),
      broken: { content: [{ type: 'image', data: 'bm8=', mimeType: 'image/png' }, { type: 'unheard-of' }] },
      surrogate: said('half \ud800 a character'),
      structured: { content: [], structuredContent: { answer: 42 } },
      image: { content: [{ type: 'image', data: png, mimeType: 'image/png' }] },
      resource: { content: [{ type: 'resource', resource: { uri: 'file:///a', text: 'inside' } }] },
      link: { content: [{ type: 'resource_link', uri: 'file:///b', name: 'b' }] },
    }
    const names = Object.keys(results)
    const server = await serverOf(names.map((name) => ({ name, run: () => results[name] })))
    const session = await sessionWith(server.url)
    const script = names.map((name) => `#tool mcp__s0__${name} {}`).join('\n')
    const events = await converse(host.client, session.id, `${script}\n#say done`)
    expect(lastText(events)).toContain('done')
    expect(host.model.requests.filter(({ refused }) => refused)).toEqual([])
    const shown = new Map(
      events
        .filter((event) => event.type === 'agent.mcp_tool_result')
        .map((event, index) => [names[index]!, JSON.stringify(event.content)]),
    )
    expect(shown.get('huge')!.length).toBeLessThan(101_000)
    expect(shown.get('huge')).toContain('longer than 100000 characters')
    expect(shown.get('many')).toContain('4900 more parts')
    expect(shown.get('empty')).toContain('(no output)')
    expect(shown.get('blank')).toContain('(no output)')
    expect(shown.get('broken')).toContain('cannot be shown')
    expect(shown.get('structured')).toContain('42')
    expect(shown.get('image')).toContain('"media_type":"image/png"')
    expect(shown.get('resource')).toContain('inside')
    expect(shown.get('link')).toContain('file:///b')
  })

  it('that never ends its answer, or breaks it off, leaves the outcome unknown and the turn going on', async () => {
    const server = await serverOf(
      [
        { name: 'hangs', run: () => new Promise(() => {}) },
        { name: 'dies', run: () => new Promise(() => setTimeout(() => void breakOff(), 10)) },
        { name: 'after', run: () => said('and on') },
      ],
      {
        intercept: (request) => {
          sockets.add(request.socket)
          return false
        },
      },
    )
    const sockets = new Set<{ destroy(): void }>()
    const breakOff = () => {
      for (const socket of sockets) socket.destroy()
    }
    const session = await sessionWith(server.url)
    const script = '#tool mcp__s0__hangs {}\n#tool mcp__s0__dies {}\n#tool mcp__s0__after {}\n#say {{last}}'
    const events = await converse(host.client, session.id, script)
    const results = events
      .filter((event) => event.type === 'agent.mcp_tool_result')
      .map(({ content }) => JSON.stringify(content))
    expect(results[0]).toContain('did not answer within 1.5 s')
    expect(results[1]).toContain('It is unknown whether this call ran')
    expect(lastText(events)).toContain('and on')
    expect(server.calls.map(({ name }) => name)).toEqual(['hangs', 'dies', 'after'])
  })

  it.each([
    [500, 'It is unknown whether this call ran'],
    [504, 'It is unknown whether this call ran'],
    [408, 'It is unknown whether this call ran'],
    [429, 'This call was not run'],
    [413, 'This call was not run'],
  ])('whose answer to a call is a %i: %s', async (status, said) => {
    const server = await serverOf([{ name: 'pays' }], {
      intercept: (request, response) => {
        // Not yet while the server is connected to and lists its tools.
        if (request.method !== 'POST' || !calling) return false
        response.writeHead(status, { 'content-type': 'text/html' }).end('a proxy says so')
        return true
      },
    })
    let calling = false
    const session = await sessionWith(server.url)
    await converse(host.client, session.id, '#say ready')
    calling = true
    const events = await converse(host.client, session.id, '#tool mcp__s0__pays {}\n#say {{last}}')
    expect(lastText(events)).toContain(said)
  })

  it("that forgot the connection's session is connected to again", async () => {
    let server = await serverOf([{ name: 'a', run: () => said('first') }])
    const session = await sessionWith(server.url)
    await converse(host.client, session.id, '#tool mcp__s0__a {}')
    const { port } = server
    await server.close()
    server = await serverOf([{ name: 'a', run: () => said('second') }], { port })
    const events = await converse(host.client, session.id, '#tool mcp__s0__a {}\n#say {{last}}')
    expect(lastText(events)).toContain('second')
    expect(server.calls).toHaveLength(1)
  })

  it('that sends the client elsewhere does not get it to a private address', async () => {
    let reached = 0
    const inner = createServer((_request, response) => {
      reached++
      response.end('{}')
    })
    await new Promise<void>((resolve) => inner.listen(0, '127.0.0.3', resolve))
    onTestFinished(() => void inner.close())
    const location = `http://127.0.0.3:${(inner.address() as AddressInfo).port}/mcp`
    const server = await serverOf([], {
      intercept: (_request, response) => {
        response.writeHead(307, { location }).end()
        return true
      },
    })
    const session = await sessionWith(server.url)
    const events = await converse(host.client, session.id, '#say safe')
    expect(lastText(events)).toContain('safe')
    expect(typesOf(events)).toContain('session.error')
    expect(reached).toBe(0)
  })

  it('that is no MCP server is reported as unreachable', async () => {
    const server = await serverOf([], {
      intercept: (_request, response) => {
        response.writeHead(200, { 'content-type': 'text/html' }).end('<html>hello</html>')
        return true
      },
    })
    const session = await sessionWith(server.url)
    const events = await converse(host.client, session.id, '#say safe')
    expect(events.find((event) => event.type === 'session.error')!.error.type).toBe('mcp_connection_failed_error')
  })

  it('that lists its tools in another order each time changes nothing in the prompt', async () => {
    const names = ['b', 'c', 'a', 'd']
    const orders: TestTool[][] = [names, names.toReversed()].map((list) => list.map((name) => ({ name })))
    const lists: string[] = []
    for (const tools of orders) {
      const session = await sessionWith((await serverOf(tools)).url)
      await converse(host.client, session.id, '#say x')
      lists.push(JSON.stringify(offered()))
    }
    expect(lists[0]).toBe(lists[1])
  })
})
