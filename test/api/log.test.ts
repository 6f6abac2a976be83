import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest'
import { converse, lastText, listed, message, newSession } from '../support/conversation.ts'
import { startTestHost, type TestHost } from '../support/host.ts'
import { sdkRefusal as refusal } from '../support/sdk-refusal.ts'
import { until } from '../support/until.ts'

let host: TestHost
beforeAll(async () => {
  // A roll over every two turns or so.
  host = await startTestHost({ config: { session: { rollOverEvents: 50 } } })
})
afterAll(() => host?.remove())

describe('a session that is longer than one run', () => {
  it('has one log: live, listed in both directions, in pages of any size, and followed from its beginning', async () => {
    const { client } = host
    const session = await newSession(host)
    const live = []
    for (let turn = 0; turn < 8; turn++)
      live.push(...(await converse(client, session.id, `#bash echo ${turn}\n#say turn ${turn}`)))
    const processed = live.filter((event) => !('processed_at' in event) || event.processed_at !== null)

    const all = await listed(client, session.id)
    expect(all).toEqual(processed)
    expect(new Set(all.map((event) => event.id)).size).toBe(all.length)
    expect(await listed(client, session.id, 7)).toEqual(all)

    const backwards = []
    for await (const event of client.beta.sessions.events.list(session.id, { order: 'desc', limit: 11 }))
      backwards.push(event)
    expect(backwards.reverse()).toEqual(all)

    const state = await host.holdfast.runtime.logs.get(session.id).newest()
    expect(state.run).toBeGreaterThan(2)

    const followed = []
    for await (const { event } of host.holdfast.session(session.id).events()) {
      followed.push(event)
      if (followed.length === all.length) break
    }
    expect(followed).toEqual(all)
    expect(lastText(await converse(client, session.id, 'What did you say first? #say {{last}}'))).toBeDefined()
    expect(host.model.requests.filter((request) => request.refused)).toEqual([])
    // The model still sees the first turn.
    expect(JSON.stringify(host.model.requests.at(-1)!.body.messages[0])).toContain('turn 0')
  })

  it('knows from its newest run alone what is no repetition', async () => {
    const { client, holdfast } = host
    const { logs, blobs } = holdfast.runtime
    const session = holdfast.session((await newSession(host)).id)
    const [sent] = await session.send('#say once', { idempotencyKey: 'once' })
    for (let turn = 0; turn < 8; turn++) await session.run(`#bash echo ${turn}\n#say turn ${turn}`)
    expect((await logs.get(session.id).newest()).run).toBeGreaterThan(1)
    const answer = { type: 'user.custom_tool_result' as const, custom_tool_use_id: 'sevt_none', content: [] }
    const read = vi.spyOn(blobs, 'get')
    const send = (event: object, key: string) =>
      client.beta.sessions.events.send(
        session.id,
        { events: [event as typeof answer] },
        { headers: { 'Idempotency-Key': key } },
      )
    expect((await refusal(send(answer, 'new'))).status).toBe(400)
    await session.archive()
    expect((await refusal(send(message('#say late'), 'late'))).status).toBe(409)
    expect(read.mock.calls.filter(([key]) => key.includes('/segments/'))).toEqual([])
    read.mockRestore()
    expect((await send(message('#say once'), 'once')).data).toMatchObject([{ id: sent!.id }])
  })

  it('keeps every message that is sent while it rolls over', async () => {
    const session = await newSession(host)
    const handle = host.holdfast.session(session.id)
    const sent = []
    for (let index = 0; index < 40; index++) sent.push(...(await handle.send(`#say answer ${index}`)))
    await handle.untilIdle()
    const all = await listed(host.client, session.id)
    const messages = all.filter((event) => event.type === 'user.message')
    expect(messages.map((event) => event.id)).toEqual(sent.map((event) => event.id))
    expect(messages.every((event) => event.processed_at !== null)).toBe(true)
  })
})

describe('a page', () => {
  it('does not end among what waits: the next one misses nothing that is processed meanwhile', async () => {
    const { client } = host
    const { id } = await newSession(host)
    await client.beta.sessions.events.send(id, { events: [message('#wait 60000\n#say never')] })
    await until(async () => (await listed(client, id)).some(({ type }) => type === 'span.model_request_start'))
    await client.beta.sessions.events.send(id, { events: ['#say one', '#say two'].map(message) })
    const before = await listed(client, id)
    expect(before.filter((event) => 'processed_at' in event && event.processed_at === null)).toHaveLength(2)
    const first = await client.beta.sessions.events.list(id, { limit: before.length - 1 })
    await client.beta.sessions.events.send(id, { events: [{ type: 'user.interrupt' }] })
    await host.holdfast.session(id).untilIdle()
    const rest = []
    for (let page = await first.getNextPage(); ; page = await page.getNextPage()) {
      rest.push(...page.data)
      if (!page.hasNextPage()) break
    }
    expect([...first.data, ...rest].map((event) => event.id)).toEqual(
      (await listed(client, id)).map((event) => event.id),
    )
  })
})

describe('a reader that comes back', () => {
  it('with Last-Event-ID misses nothing and sees nothing twice', async () => {
    const session = await newSession(host)
    for (let turn = 0; turn < 4; turn++) await converse(host.client, session.id, `#say turn ${turn}`)
    const url = `${host.url}/v1/sessions/${session.id}/events/stream`
    const whole = await read(`${url}?after=0.0.0`)
    expect(whole.length).toBeGreaterThan(20)
    // One event at a time, a new connection each.
    const pieces = [whole[0]!]
    while (pieces.length < whole.length) pieces.push(...(await read(url, 1, pieces.at(-1)!.id)))
    expect(pieces).toEqual(whole)

    async function read(address: string, limit = Number.POSITIVE_INFINITY, last?: string) {
      const events: { id: string; data: string }[] = []
      const abort = new AbortController()
      const response = await fetch(address, { signal: abort.signal, headers: last ? { 'last-event-id': last } : {} })
      let text = ''
      for await (const chunk of response.body!.pipeThrough(new TextDecoderStream())) {
        text += chunk
        const frames = text.split('\n\n')
        text = frames.pop()!
        for (const frame of frames) {
          const id = /^id: (.*)$/m.exec(frame)?.[1]
          const data = /^data: (.*)$/m.exec(frame)?.[1]
          if (id && data) events.push({ id, data })
        }
        const ended = events.filter(({ data }) => data.includes('"session.status_idle"')).length
        if (events.length >= limit || ended === 4) break
      }
      abort.abort()
      return events.slice(0, limit)
    }
  })

  it('with a cursor that is none is told so', async () => {
    const session = await newSession(host)
    const response = await fetch(`${host.url}/v1/sessions/${session.id}/events/stream`, {
      headers: { 'last-event-id': 'nonsense' },
    })
    expect(response.status).toBe(400)
  })
})

describe('the list of events', () => {
  it('filters by type and time, and shows what waits at its end', async () => {
    const session = await newSession(host)
    await converse(host.client, session.id, '#bash echo one\n#say two')
    const only = []
    for await (const event of host.client.beta.sessions.events.list(session.id, {
      types: ['agent.message', 'agent.tool_use'],
    }))
      only.push(event.type)
    expect(only).toEqual(['agent.tool_use', 'agent.message'])
    const all = await listed(host.client, session.id)
    const middle = all[5]!.processed_at!
    const later = []
    for await (const event of host.client.beta.sessions.events.list(session.id, { 'created_at[gt]': middle }))
      later.push(event)
    expect(later).toEqual(all.filter((event) => event.processed_at! > middle))

    let queued: unknown
    await converse(host.client, session.id, '#bash sleep 0.5\n#say ok', {
      onEvent: async (event) => {
        if (event.type !== 'agent.tool_use') return
        await host.client.beta.sessions.events.send(session.id, { events: [message('#say later')] })
        await expect
          .poll(async () => (queued = (await listed(host.client, session.id)).at(-1)))
          .toMatchObject({ type: 'user.message', processed_at: null })
      },
    })
    expect(queued).toMatchObject({ content: [{ text: '#say later' }] })
  })

  it('refuses a cursor of the other order and one that is none', async () => {
    const session = await newSession(host)
    await converse(host.client, session.id, '#say one')
    const page = await host.client.beta.sessions.events.list(session.id, { limit: 2 })
    await expect(
      host.client.beta.sessions.events.list(session.id, { page: page.next_page!, order: 'desc' }),
    ).rejects.toMatchObject({ status: 400 })
    await expect(host.client.beta.sessions.events.list(session.id, { page: 'page_x' })).rejects.toMatchObject({
      status: 400,
    })
  })
})
