import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { converse, listed, newSession, typesOf } from '../support/conversation.ts'
import { startTestHost, type TestHost } from '../support/host.ts'
import { sdkRefusal as refusal } from '../support/sdk-refusal.ts'

let host: TestHost
beforeAll(async () => {
  host = await startTestHost()
})
afterAll(() => host?.remove())

const report = {
  type: 'custom' as const,
  name: 'report',
  description: 'Reports.',
  input_schema: { type: 'object' as const, properties: {} },
}

describe("a session's agent", () => {
  it('gets other tools from the next turn on, for this session alone, and says so', async () => {
    const { client } = host
    const session = await newSession(host)
    await converse(client, session.id, '#say hello')
    const updated = await client.beta.sessions.update(session.id, { agent: { tools: [report] } })
    expect(updated.agent.tools).toEqual([expect.objectContaining({ name: 'report' })])
    const events = await converse(client, session.id, '#tool report {}\n#say done')
    expect(typesOf(events)).toContain('agent.custom_tool_use')
    const announced = (await listed(client, session.id)).filter((event) => event.type === 'session.updated')
    expect(announced).toMatchObject([{ agent: { id: host.agent, tools: [{ name: 'report' }] } }])
    expect((await client.beta.agents.retrieve(host.agent)).tools).toMatchObject([{ type: 'agent_toolset_20260401' }])
    expect((await newSession(host)).agent.tools).toMatchObject([{ type: 'agent_toolset_20260401' }])
  })

  it('is left alone by an update that changes nothing', async () => {
    const session = await newSession(host)
    await host.client.beta.sessions.update(session.id, {
      agent: { tools: [{ type: 'agent_toolset_20260401' }] },
      title: null,
      metadata: {},
    })
    expect(typesOf(await listed(host.client, session.id))).not.toContain('session.updated')
  })

  it('is kept while the session works, and when what is asked for is wrong', async () => {
    const { client } = host
    const session = await newSession(host)
    await converse(client, session.id, '#wait 60000\n#say never', {
      until: (event) => event.type === 'span.model_request_start',
    })
    const running = await refusal(client.beta.sessions.update(session.id, { agent: { tools: [report] } }))
    expect(running).toMatchObject({ status: 400, message: expect.stringContaining('user.interrupt') })
    await converse(client, session.id, [{ type: 'user.interrupt' }])
    for (const agent of [{ tools: [report, report] }, { model: 'claude-opus-5' }, { tools: [{ type: 'nothing' }] }]) {
      expect((await refusal(client.beta.sessions.update(session.id, { agent: agent as never }))).status).toBe(400)
    }
    expect((await client.beta.sessions.retrieve(session.id)).agent.tools).toMatchObject([
      { type: 'agent_toolset_20260401' },
    ])
  })
})

describe('an update of a session', () => {
  it('is one event, whatever it changes', async () => {
    const { client } = host
    const limit = (amount: string) => ({ type: 'limit' as const, max_list_cost: { amount, currency: 'USD' as const } })
    const session = await client.beta.sessions.create({
      agent: host.agent,
      environment_id: host.environment,
      budget: limit('100'),
    })
    await client.beta.sessions.update(session.id, { title: 'Named', metadata: { a: '1' }, budget: limit('200') })
    await converse(client, session.id, '#say hello')
    const updates = () => listed(client, session.id).then((all) => all.filter(({ type }) => type === 'session.updated'))
    expect(await updates()).toMatchObject([{ title: 'Named', metadata: { a: '1' }, budget: limit('200') }])
    await client.beta.sessions.update(session.id, { metadata: { a: null } })
    await converse(client, session.id, '#say hello')
    const [, cleared] = await updates()
    expect(cleared).toEqual({ type: 'session.updated', id: expect.any(String), processed_at: expect.any(String) })
  })
})
