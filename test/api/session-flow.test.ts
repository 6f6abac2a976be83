import { toFile } from '@anthropic-ai/sdk'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { converse, lastText, listed, message, newSession, typesOf } from '../support/conversation.ts'
import { startTestHost, type TestHost } from '../support/host.ts'

let host: TestHost
beforeAll(async () => {
  host = await startTestHost()
})
afterAll(() => host?.remove())

describe('the flow of the chapter, with the official SDK', () => {
  it('reads an attached file, remembers it in the next turn, counts tokens, and keeps its log when archived', async () => {
    const { client } = host
    const file = await client.beta.files.upload({
      file: await toFile(Buffer.from('city,age\nOslo,10\nRome,20\n'), 'sample_data.csv'),
    })
    const session = await client.beta.sessions.create({
      agent: host.agent,
      environment_id: host.environment,
      resources: [{ type: 'file', file_id: file.id, mount_path: '/workspace/data.csv' }],
    })
    expect(session.status).toBe('idle')
    expect(session.resources[0]).toMatchObject({ type: 'file', mount_path: '/workspace/data.csv' })

    const first = await converse(
      client,
      session.id,
      "Read the data.csv file at /workspace/data.csv and give me a summary of what's in it.",
    )
    expect(lastText(first)).toContain('2 rows')
    expect(lastText(first)).toContain('mean of age: 15')

    const { usage } = await client.beta.sessions.retrieve(session.id)
    expect(usage.output_tokens).toBeGreaterThan(0)
    expect(usage.cache_read_input_tokens).toBeGreaterThan(0)

    const second = await converse(client, session.id, 'What did you find?')
    expect(lastText(second)).toContain('From before')
    expect(lastText(second)).toContain('2 rows')

    const before = await listed(client, session.id)
    const archived = await client.beta.sessions.archive(session.id)
    expect(archived).toMatchObject({ status: 'terminated' })
    expect(archived.archived_at).not.toBeNull()
    await expect(client.beta.sessions.events.send(session.id, { events: [message('more')] })).rejects.toMatchObject({
      status: 409,
    })
    await expect.poll(async () => typesOf(await listed(client, session.id)).at(-1)).toBe('session.status_terminated')
    expect((await listed(client, session.id)).slice(0, before.length)).toEqual(before)
  })
})

describe('a turn', () => {
  it('shows its events in the order of the API', async () => {
    const session = await newSession(host)
    const events = await converse(host.client, session.id, '#bash echo hello\n#say done')
    expect(typesOf(events)).toEqual([
      'user.message',
      'user.message',
      'session.status_running',
      'session.thread_status_running',
      'span.model_request_start',
      'agent.tool_use',
      'span.model_request_end',
      'agent.tool_result',
      'span.model_request_start',
      'agent.message',
      'span.model_request_end',
      'session.thread_status_idle',
      'session.usage',
      'session.status_idle',
    ])
    expect(events[0]).toMatchObject({ processed_at: null })
    expect(events[1]).toMatchObject({ processed_at: expect.any(String) })
    expect(events.at(-1)).toMatchObject({ stop_reason: { type: 'end_turn' }, stop_details: null })
    // The list has every event once, as processed.
    expect(await listed(host.client, session.id)).toEqual(events.slice(1))
  })

  it('does not begin before an event arrives', async () => {
    const session = await newSession(host)
    expect(await listed(host.client, session.id)).toEqual([])
    expect((await host.client.beta.sessions.retrieve(session.id)).status).toBe('idle')
  })

  it('begins by itself with initial events', async () => {
    const session = await host.client.beta.sessions.create({
      agent: host.agent,
      environment_id: host.environment,
      initial_events: [message('#say begun')],
    })
    expect(session.status).toBe('running')
    await host.holdfast.session(session.id).untilIdle()
    expect(lastText(await listed(host.client, session.id))).toContain('begun')
  })

  it('previews text that becomes the message', async () => {
    const session = await newSession(host)
    const events = await converse(host.client, session.id, '#think first\n#long 60', {
      deltas: ['agent.message', 'agent.thinking'],
    })
    const written = events.find((event) => event.type === 'agent.message')!
    const starts = events.filter((event) => event.type === 'event_start').map((event) => event.event)
    expect(starts.map((start) => start.type)).toEqual(['agent.thinking', 'agent.message'])
    expect(starts[1]!.id).toBe(written.id)
    const previewed = events.filter((event) => event.type === 'event_delta').map((event) => event.delta.content.text)
    expect(previewed.length).toBeGreaterThan(1)
    expect(written.content.map((block) => ('text' in block ? block.text : '')).join('')).toContain(previewed.join(''))
    const last = events.findLastIndex((event) => event.type === 'event_delta')
    expect(last).toBeLessThan(events.indexOf(written))
    const types = typesOf(events)
    expect(types.indexOf('session.status_running')).toBeLessThan(types.indexOf('span.model_request_start'))
    expect(types.indexOf('span.model_request_start')).toBeLessThan(types.indexOf('event_start'))
  })

  it('answers messages that came during it together in the next one', async () => {
    const session = await newSession(host)
    const { client } = host
    let idles = 0
    const events = await converse(client, session.id, '#bash sleep 0.5\n#say one', {
      onEvent: async (event) => {
        if (event.type !== 'agent.tool_use') return
        await client.beta.sessions.events.send(session.id, { events: [message('two')] })
        await client.beta.sessions.events.send(session.id, { events: [message('#say three')] })
      },
      until: (event) => event.type === 'session.status_idle' && ++idles === 2,
    })
    const running = events.findLastIndex((event) => event.type === 'session.status_running')
    expect(typesOf(events.slice(running - 2, running))).toEqual(['user.message', 'user.message'])
    expect(lastText(events)).toContain('three')
  })
})

describe('files of a session', () => {
  it('are there in the next turn, and in no other session', async () => {
    const [one, other] = [await newSession(host), await newSession(host)]
    await converse(host.client, one.id, '#bash echo secret > note.txt\n#say ok')
    expect(lastText(await converse(host.client, one.id, '#bash cat note.txt\n#say {{last}}'))).toContain('secret')
    expect(lastText(await converse(host.client, other.id, '#bash ls -A /workspace | wc -l\n#say {{last}}'))).toMatch(
      / 0$/,
    )
  })
})

describe('the shell', () => {
  it('keeps its state from one turn to the next', async () => {
    const session = await newSession(host)
    await converse(host.client, session.id, '#bash cd /tmp; export NAME=kept\n#say ok')
    expect(lastText(await converse(host.client, session.id, '#bash echo $NAME in $PWD\n#say {{last}}'))).toContain(
      'kept in /tmp',
    )
  })
})

describe('an interrupt', () => {
  it('stops a running tool, gives it its result, and leaves the session usable', async () => {
    const session = await newSession(host)
    const events = await converse(host.client, session.id, '#bash echo begun; sleep 60\n#say never', {
      onEvent: (event) =>
        event.type === 'agent.tool_use' &&
        host.client.beta.sessions.events.send(session.id, { events: [{ type: 'user.interrupt' }] }),
    })
    expect(events.at(-1)).toMatchObject({ type: 'session.status_idle', stop_reason: { type: 'end_turn' } })
    expect(events.find((event) => event.type === 'agent.tool_result')).toMatchObject({ is_error: true })
    expect(lastText(await converse(host.client, session.id, '#say still here'))).toContain('still here')
    expect(host.model.requests.filter((request) => request.refused)).toEqual([])
  })

  it('stops a model request; what it had begun to say is not in the log', async () => {
    const session = await newSession(host)
    const events = await converse(host.client, session.id, '#slow 100\n#long 500', {
      onEvent: (event) =>
        event.type === 'span.model_request_start' &&
        host.client.beta.sessions.events.send(session.id, { events: [{ type: 'user.interrupt' }] }),
    })
    expect(typesOf(events)).not.toContain('agent.message')
    expect(events.at(-1)).toMatchObject({ stop_reason: { type: 'end_turn' } })
    expect(typesOf(events)).toContain('span.model_request_end')
  })
})

describe('archive and delete', () => {
  it('are refused while the session runs', async () => {
    const session = await newSession(host)
    const { client } = host
    const refused: unknown[] = []
    await converse(client, session.id, '#bash sleep 60\n#say never', {
      onEvent: async (event) => {
        if (event.type !== 'agent.tool_use') return
        refused.push(await client.beta.sessions.archive(session.id).catch((error) => error.status))
        refused.push(await client.beta.sessions.delete(session.id).catch((error) => error.status))
        await client.beta.sessions.events.send(session.id, { events: [{ type: 'user.interrupt' }] })
      },
    })
    expect(refused).toEqual([400, 400])
    expect(await client.beta.sessions.delete(session.id)).toEqual({ id: session.id, type: 'session_deleted' })
    await expect(client.beta.sessions.retrieve(session.id)).rejects.toMatchObject({ status: 404 })
  })

  it('ends open streams with session.deleted', async () => {
    const session = await newSession(host)
    const stream = await host.client.beta.sessions.events.stream(session.id)
    await host.client.beta.sessions.delete(session.id)
    const events = []
    for await (const event of stream) events.push(event)
    expect(typesOf(events)).toEqual(['session.deleted'])
  })
})
