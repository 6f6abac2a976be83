import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { converse, lastText, listed, message, typesOf } from '../support/conversation.ts'
import { startTestHost, type TestHost } from '../support/host.ts'

let host: TestHost
let agent: string
beforeAll(async () => {
  host = await startTestHost()
  const created = await host.client.beta.agents.create({
    name: 'Careful',
    model: 'claude-opus-5',
    tools: [
      {
        type: 'agent_toolset_20260401',
        configs: [
          { name: 'bash', permission_policy: { type: 'always_ask' } },
          { name: 'write', enabled: false },
        ],
      },
      {
        type: 'custom',
        name: 'weather',
        description: 'The weather.',
        input_schema: { type: 'object', properties: { city: { type: 'string' } } },
      },
    ],
  })
  agent = created.id
})
afterAll(() => host?.remove())

const start = () => host.client.beta.sessions.create({ agent, environment_id: host.environment })
const needs = (events: { type: string }[]) =>
  (events.at(-1) as unknown as { stop_reason: { type: string; event_ids: string[] } }).stop_reason
const uses = (events: { type: string; id?: string }[]) =>
  events
    .filter((event) => event.type === 'agent.tool_use' || event.type === 'agent.custom_tool_use')
    .map((event) => event.id!)

describe('a tool that asks', () => {
  it('waits for the confirmation and then runs', async () => {
    const session = await start()
    const asked = await converse(host.client, session.id, '#bash echo ran\n#say {{last}}')
    expect(needs(asked)).toEqual({ type: 'requires_action', event_ids: uses(asked) })
    expect(asked.find((event) => event.type === 'agent.tool_use')).toMatchObject({
      evaluated_permission: 'ask',
      evaluation: { type: 'always_ask' },
    })
    expect(typesOf(asked)).not.toContain('agent.tool_result')
    const events = await converse(host.client, session.id, [
      { type: 'user.tool_confirmation', tool_use_id: uses(asked)[0]!, result: 'allow' },
    ])
    expect(lastText(events)).toContain('ran')
  })

  it('is refused with the reason for the model', async () => {
    const session = await start()
    const [id] = uses(await converse(host.client, session.id, '#bash rm -rf /\n#say {{last}}'))
    const events = await converse(host.client, session.id, [
      { type: 'user.tool_confirmation', tool_use_id: id!, result: 'deny', deny_message: 'far too dangerous' },
    ])
    expect(events.find((event) => event.type === 'agent.tool_result')).toMatchObject({ is_error: true })
    expect(lastText(events)).toContain('far too dangerous')
  })

  it('says again which answers are missing when some have come', async () => {
    const session = await start()
    const asked = await converse(host.client, session.id, '#bash echo one\n#and\n#bash echo two\n#say {{last}}')
    const [one, two] = uses(asked)
    expect(needs(asked).event_ids).toEqual([one, two])
    const partly = await converse(host.client, session.id, [
      { type: 'user.tool_confirmation', tool_use_id: one!, result: 'allow' },
    ])
    expect(needs(partly)).toEqual({ type: 'requires_action', event_ids: [two] })
    const events = await converse(host.client, session.id, [
      { type: 'user.tool_confirmation', tool_use_id: two!, result: 'deny' },
    ])
    expect(events.filter((event) => event.type === 'agent.tool_result')).toHaveLength(2)
    expect(needs(events)).toEqual({ type: 'end_turn' })
    expect(host.model.requests.filter((request) => request.refused)).toEqual([])
  })

  it('is closed by an interrupt, and the session goes on', async () => {
    const session = await start()
    await converse(host.client, session.id, '#bash echo one\n#say never')
    const events = await converse(host.client, session.id, [{ type: 'user.interrupt' }])
    expect(events.find((event) => event.type === 'agent.tool_result')).toMatchObject({ is_error: true })
    expect(needs(events)).toEqual({ type: 'end_turn' })
    expect(lastText(await converse(host.client, session.id, '#say next'))).toContain('next')
  })
})

describe('a custom tool', () => {
  it('is answered by the client', async () => {
    const session = await start()
    const asked = await converse(host.client, session.id, '#tool weather {"city":"Oslo"}\n#say {{last}}')
    expect(asked.find((event) => event.type === 'agent.custom_tool_use')).toMatchObject({
      name: 'weather',
      input: { city: 'Oslo' },
    })
    const events = await converse(host.client, session.id, [
      {
        type: 'user.custom_tool_result',
        custom_tool_use_id: uses(asked)[0]!,
        content: [{ type: 'text', text: 'snow' }],
      },
    ])
    expect(lastText(events)).toContain('snow')
  })

  it('takes its answer before the session says that it waits', async () => {
    const session = await start()
    const { client } = host
    const events = await converse(client, session.id, '#tool weather {}\n#say {{last}}', {
      onEvent: (event) =>
        event.type === 'agent.custom_tool_use' &&
        client.beta.sessions.events.send(session.id, {
          events: [
            {
              type: 'user.custom_tool_result',
              custom_tool_use_id: event.id,
              content: [{ type: 'text', text: 'early' }],
            },
          ],
        }),
      until: (event) => event.type === 'session.status_idle' && event.stop_reason.type === 'end_turn',
    })
    expect(lastText(events)).toContain('early')
  })
})

describe('an answer that fits nothing', () => {
  it('is refused and changes nothing', async () => {
    const session = await start()
    const [id] = uses(await converse(host.client, session.id, '#bash echo one\n#say ok'))
    const before = await listed(host.client, session.id)
    const send = (event: object) => host.client.beta.sessions.events.send(session.id, { events: [event as never] })
    await expect(
      send({ type: 'user.tool_confirmation', tool_use_id: 'sevt_unknown', result: 'allow' }),
    ).rejects.toMatchObject({ status: 400 })
    await expect(send({ type: 'user.custom_tool_result', custom_tool_use_id: id })).rejects.toMatchObject({
      status: 400,
    })
    await expect(send({ type: 'user.tool_result', tool_use_id: id })).rejects.toMatchObject({ status: 400 })
    await expect(
      send({ type: 'user.tool_confirmation', tool_use_id: id, result: 'allow', deny_message: 'x' }),
    ).rejects.toMatchObject({ status: 400 })
    expect(await listed(host.client, session.id)).toEqual(before)
    await send({ type: 'user.tool_confirmation', tool_use_id: id, result: 'allow' })
    await expect(send({ type: 'user.tool_confirmation', tool_use_id: id, result: 'allow' })).rejects.toMatchObject({
      status: 400,
    })
  })
})

describe('a tool that is disabled or unknown', () => {
  it('is denied, and the model hears why', async () => {
    const session = await start()
    const events = await converse(
      host.client,
      session.id,
      '#tool write {"file_path":"x","content":"y"}\n#tool nonsense {}\n#say {{last}}',
    )
    const denied = events.filter((event) => event.type === 'agent.tool_use')
    expect(denied.map((event) => event.evaluated_permission)).toEqual(['deny', 'deny'])
    expect(lastText(events)).toContain('nonsense')
  })
})

describe('a message while answers are missing', () => {
  it('waits for its turn', async () => {
    const session = await start()
    const [id] = uses(await converse(host.client, session.id, '#bash echo one\n#say first'))
    await host.client.beta.sessions.events.send(session.id, { events: [message('#say second')] })
    let idles = 0
    const events = await converse(
      host.client,
      session.id,
      [{ type: 'user.tool_confirmation', tool_use_id: id!, result: 'allow' }],
      {
        until: (event) => event.type === 'session.status_idle' && ++idles === 2,
      },
    )
    const texts = events.filter((event) => event.type === 'agent.message').map((event) => JSON.stringify(event.content))
    expect(texts[0]).toContain('first')
    expect(texts[1]).toContain('second')
  })
})
