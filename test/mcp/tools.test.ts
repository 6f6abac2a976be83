import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { converse, lastText, listed, message, typesOf } from '../support/conversation.ts'
import { startTestHost, type TestHost } from '../support/host.ts'
import { said, startMcpServer, type TestMcpServer } from '../support/mcp-server.ts'
import { until } from '../support/until.ts'

let host: TestHost
let server: TestMcpServer
const never = () => new Promise(() => {})

beforeAll(async () => {
  host = await startTestHost({ config: { egress: { allowPrivate: ['127.0.0.1'] }, mcp: { connectMs: 3000 } } })
  server = await startMcpServer({
    tools: [
      { name: 'search', description: 'Searches.', run: ({ query }) => said(`found ${query}`) },
      { name: 'secret.tool/odd', run: () => said('odd but fine') },
      { name: 'hidden', run: () => said('not to be seen') },
      { name: 'fails', run: () => ({ content: [{ type: 'text', text: 'no luck' }], isError: true }) },
      { name: 'hangs', run: never },
      { name: 'hangs_readonly', annotations: { readOnlyHint: true }, run: never },
    ],
  })
})
afterAll(async () => {
  await host?.remove()
  await server?.close()
})

async function agentWith(
  settings: {
    default_config?: { permission_policy?: { type: 'always_allow' | 'always_ask' }; enabled?: boolean }
    configs?: { name: string; enabled?: boolean; permission_policy?: { type: 'always_allow' | 'always_ask' } }[]
  } = {},
  url = server.url,
) {
  const agent = await host.client.beta.agents.create({
    name: 'Connected',
    model: 'claude-opus-5',
    tools: [{ type: 'agent_toolset_20260401' }, { type: 'mcp_toolset', mcp_server_name: 'files', ...settings }],
    mcp_servers: [{ type: 'url', name: 'files', url }],
  })
  return host.client.beta.sessions.create({ agent: agent.id, environment_id: host.environment })
}
const allowed = { default_config: { permission_policy: { type: 'always_allow' as const } } }
const offered = () => host.model.requests.at(-1)!.body.tools.map((tool) => tool.name)
const stopOf = (events: { type: string }[]) =>
  (events.at(-1) as unknown as { stop_reason: { type: string; event_ids: string[] } }).stop_reason

describe('a tool of an MCP server', () => {
  it('is offered under its server, called, and shown with its own name', async () => {
    const session = await agentWith(allowed)
    const events = await converse(host.client, session.id, '#tool mcp__files__search {"query":"owls"}\n#say {{last}}')
    expect(lastText(events)).toContain('found owls')
    const use = events.find((event) => event.type === 'agent.mcp_tool_use')!
    expect(use).toMatchObject({
      name: 'search',
      mcp_server_name: 'files',
      input: { query: 'owls' },
      evaluated_permission: 'allow',
      evaluation: { type: 'always_allow' },
    })
    expect(events.find((event) => event.type === 'agent.mcp_tool_result')).toMatchObject({
      mcp_tool_use_id: use.id,
      is_error: false,
      content: [{ type: 'text', text: 'found owls' }],
    })
    expect(offered()).toContain('bash')
    expect(offered().filter((name) => name.startsWith('mcp__'))).toHaveLength(6)
    expect(typesOf(events)).not.toContain('session.error')
    expect(await listed(host.client, session.id)).toEqual(
      events.filter((event) => event.type !== 'user.message' || event.processed_at !== null),
    )
  })

  it('that has a name the model cannot be given is called by another', async () => {
    const session = await agentWith(allowed)
    await converse(host.client, session.id, '#say hello')
    const odd = offered().find((name) => name.startsWith('mcp__files__secret_tool_odd'))
    const events = await converse(host.client, session.id, `#tool ${odd} {}\n#say {{last}}`)
    expect(lastText(events)).toContain('odd but fine')
    expect(events.find((event) => event.type === 'agent.mcp_tool_use')).toMatchObject({ name: 'secret.tool/odd' })
  })

  it('is not offered when it is disabled, and a call of it is denied', async () => {
    const session = await agentWith({ ...allowed, configs: [{ name: 'hidden', enabled: false }] })
    const events = await converse(host.client, session.id, '#tool mcp__files__hidden {}\n#say {{last}}')
    expect(offered()).not.toContain('mcp__files__hidden')
    expect(lastText(events)).toContain('or it is disabled')
    expect(server.calls.filter(({ name }) => name === 'hidden')).toEqual([])
  })

  it('gives its error to the model', async () => {
    const session = await agentWith(allowed)
    const events = await converse(host.client, session.id, '#tool mcp__files__fails {}\n#say {{last}}')
    expect(events.find((event) => event.type === 'agent.mcp_tool_result')).toMatchObject({
      is_error: true,
      content: [{ type: 'text', text: 'no luck' }],
    })
  })

  it('keeps the connection from one call to the next, for its server may keep things there', async () => {
    const before = server.sessions
    const session = await agentWith(allowed)
    const call = '#tool mcp__files__search {"query":"a"}'
    await converse(host.client, session.id, `${call}\n${call}\n${call}`)
    expect(server.sessions).toBe(before + 1)
  })
})

describe('a tool of an MCP server that asks, as they do by default', () => {
  it('waits for the confirmation and then runs', async () => {
    const session = await agentWith()
    const asked = await converse(host.client, session.id, '#tool mcp__files__search {"query":"asked"}\n#say {{last}}')
    const use = asked.find((event) => event.type === 'agent.mcp_tool_use')!
    expect(use).toMatchObject({ evaluated_permission: 'ask', evaluation: { type: 'always_ask' } })
    expect(stopOf(asked)).toEqual({ type: 'requires_action', event_ids: [use.id] })
    expect(server.calls.filter(({ input }) => input.query === 'asked')).toEqual([])
    const events = await converse(host.client, session.id, [
      { type: 'user.tool_confirmation', tool_use_id: use.id, result: 'allow' },
    ])
    expect(lastText(events)).toContain('found asked')
  })

  it('is refused with the reason for the model', async () => {
    const session = await agentWith()
    const asked = await converse(host.client, session.id, '#tool mcp__files__search {"query":"denied"}\n#say {{last}}')
    const use = asked.find((event) => event.type === 'agent.mcp_tool_use')!
    const events = await converse(host.client, session.id, [
      { type: 'user.tool_confirmation', tool_use_id: use.id, result: 'deny', deny_message: 'too nosy' },
    ])
    expect(events.find((event) => event.type === 'agent.mcp_tool_result')).toMatchObject({
      mcp_tool_use_id: use.id,
      is_error: true,
    })
    expect(lastText(events)).toContain('too nosy')
    expect(server.calls.filter(({ input }) => input.query === 'denied')).toEqual([])
  })
})

describe('a call of an MCP tool', () => {
  it('is cancelled by an interrupt, at the server too', async () => {
    const session = await agentWith(allowed)
    const count = server.calls.length
    const events = await converse(host.client, session.id, '#tool mcp__files__hangs {}', {
      onEvent: async (event) => {
        if (event.type !== 'agent.mcp_tool_use') return
        await until(() => server.calls.length > count)
        await host.client.beta.sessions.events.send(session.id, { events: [{ type: 'user.interrupt' }] })
      },
    })
    expect(stopOf(events)).toEqual({ type: 'end_turn' })
    await until(() => server.cancelled.includes('hangs'))
    expect(events.filter((event) => event.type === 'agent.mcp_tool_result')).toHaveLength(1)
  })

  it('whose worker was killed is not made again, and the model learns that its outcome is unknown', async () => {
    const session = await agentWith(allowed)
    const count = server.calls.length
    let killed = false
    const events = await converse(host.client, session.id, '#tool mcp__files__hangs {"n":1}\n#say {{last}}', {
      onEvent: async (event) => {
        if (event.type !== 'agent.mcp_tool_use' || killed) return
        killed = true
        await until(() => server.calls.length > count)
        process.kill(host.workerPids[0]!, 'SIGKILL')
      },
    })
    expect(lastText(events)).toContain('It is unknown whether this call ran')
    expect(server.calls.slice(count)).toHaveLength(1)
  })

  it('whose worker was killed is made again when the tool only reads', async () => {
    const session = await agentWith(allowed)
    const count = server.calls.length
    const events = await converse(host.client, session.id, '#tool mcp__files__hangs_readonly {}\n#say {{last}}', {
      onEvent: async (event) => {
        if (event.type === 'agent.mcp_tool_use') {
          await until(() => server.calls.length > count)
          process.kill(host.workerPids[0]!, 'SIGKILL')
          await until(() => server.calls.length > count + 1)
          await host.client.beta.sessions.events.send(session.id, { events: [{ type: 'user.interrupt' }] })
        }
      },
    })
    expect(stopOf(events)).toEqual({ type: 'end_turn' })
    expect(server.calls.slice(count).map(({ name }) => name)).toEqual(['hangs_readonly', 'hangs_readonly'])
  })
})

describe('an MCP server that cannot be reached', () => {
  it('is announced once a turn, the turn goes on without its tools, and the next one has them when it is back', async () => {
    const gone = await startMcpServer({ tools: [{ name: 'late', run: () => said('better late') }] })
    await gone.close()
    const session = await agentWith(allowed, gone.url)
    const events = await converse(host.client, session.id, '#bash echo one\n#bash echo two\n#say {{last}}')
    const errors = events.filter((event) => event.type === 'session.error')
    expect(errors.map((event) => event.error)).toEqual([
      expect.objectContaining({
        type: 'mcp_connection_failed_error',
        mcp_server_name: 'files',
        retry_status: { type: 'retrying' },
      }),
    ])
    expect(lastText(events)).toContain('two')
    expect(stopOf(events)).toEqual({ type: 'end_turn' })
    const back = await startMcpServer({
      port: gone.port,
      tools: [{ name: 'late', run: () => said('better late') }],
    })
    const again = await converse(host.client, session.id, '#tool mcp__files__late {}\n#say {{last}}')
    await back.close()
    expect(lastText(again)).toContain('better late')
    expect(typesOf(again)).not.toContain('session.error')
  })

  it('because it is private is not dialled', async () => {
    const session = await agentWith(allowed, 'http://127.0.0.2:8123/mcp')
    const events = await converse(host.client, session.id, '#say hello')
    expect(events.find((event) => event.type === 'session.error')!.error).toMatchObject({
      type: 'mcp_connection_failed_error',
      message: expect.stringContaining('egress.allowPrivate'),
    })
  })

  it('because it does not answer costs the turn the time-out, not more', async () => {
    const silent = await startMcpServer({ tools: [], intercept: () => true })
    const session = await agentWith(allowed, silent.url)
    const events = await converse(host.client, session.id, [message('#say still here')])
    await silent.close()
    expect(lastText(events)).toContain('still here')
    expect(events.find((event) => event.type === 'session.error')!.error).toMatchObject({
      message: expect.stringContaining('did not answer in time'),
    })
  })
})
