import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { buffer } from 'node:stream/consumers'
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest'
import { startScriptedModel } from '../../testing/scripted-model/server.ts'
import { converse, lastText, listed, newSession, typesOf } from '../support/conversation.ts'
import { startTestHost, type TestHost } from '../support/host.ts'

const asksForSummary = (messages: object[]) => JSON.stringify(messages.at(-1)).includes('replaced by a')

describe('a conversation that comes near the window of its model', () => {
  let host: TestHost
  beforeAll(async () => {
    host = await startTestHost({ config: { model: { compactAtTokens: 6000 }, session: { rollOverEvents: 60 } } })
  })
  afterAll(() => host?.remove())

  it('goes on with a summary; the message that is not answered yet stays word for word', async () => {
    const { client, model } = host
    const session = await newSession(host)
    await converse(client, session.id, `remember the word heron\n${'many words '.repeat(2500)}`)
    const events = await converse(client, session.id, '#bash echo again\n#say done')
    expect(typesOf(events).slice(0, 9)).toEqual([
      'user.message',
      'user.message',
      'session.status_running',
      'session.thread_status_running',
      'span.model_request_start',
      'agent.thread_context_compacted',
      'span.model_request_end',
      'span.model_request_start',
      'agent.tool_use',
    ])
    expect(lastText(events)).toContain('done')
    const own = model.requests.filter(({ body }) => JSON.stringify(body).includes('heron'))
    expect(own.every(({ refused }) => refused === undefined)).toBe(true)
    const last = own.at(-1)!.body.messages
    expect(JSON.stringify(last).length).toBeLessThan(5000)
    expect(last[0]!.content.map((block) => block.text)).toEqual([
      expect.stringContaining('heron'),
      '#bash echo again\n#say done',
    ])
  })

  it('counts what the summary cost', async () => {
    const { client, model } = host
    const session = await newSession(host)
    await converse(client, session.id, `remember the word ibis\n${'many words '.repeat(2500)}`)
    await converse(client, session.id, '#say done')
    const asked = model.requests.filter(({ body }) => JSON.stringify(body).includes('ibis'))
    expect(asked).toHaveLength(3)
    const { usage } = await client.beta.sessions.retrieve(session.id)
    expect(usage.output_tokens).toBe(asked.reduce((sum, request) => sum + request.usage!.output_tokens, 0))
    const ends = (await listed(client, session.id)).filter((event) => event.type === 'span.model_request_end')
    expect(ends.reduce((sum, event) => sum + event.model_usage.output_tokens, 0)).toBe(usage.output_tokens)
    expect(usage.list_cost!.currency).toBe('USD')
  })

  it('is compacted again and again over many runs, and every request stays valid', async () => {
    const { client, model } = host
    const session = await newSession(host)
    for (let turn = 0; turn < 8; turn++) {
      const events = await converse(client, session.id, `note ${turn} of crane\n${'word '.repeat(4000)}`)
      expect(events.at(-1)).toMatchObject({ stop_reason: { type: 'end_turn' } })
    }
    const all = await listed(client, session.id)
    expect(typesOf(all).filter((type) => type === 'agent.thread_context_compacted').length).toBeGreaterThan(3)
    const own = model.requests.filter(({ body }) => JSON.stringify(body).includes('crane'))
    expect(own.filter(({ refused }) => refused)).toEqual([])
    expect((await host.holdfast.runtime.logs.get(session.id).newest()).run).toBeGreaterThan(1)
    // A worker that never saw the session builds the same prompt as the one that did.
    process.kill(host.workerPids[0]!, 'SIGKILL')
    const events = await converse(client, session.id, '#say after the kill')
    expect(lastText(events)).toContain('after the kill')
    const [before, after] = own
      .slice(-1)
      .concat(model.requests.slice(-1))
      .map(({ body }) => body.messages)
    expect(JSON.stringify(after)).toContain(JSON.stringify(before!.at(-1)!.content[0]).slice(0, 40))
  })
})

describe('a prompt that turns out to be too long', () => {
  it('is compacted and asked again; tool results that are too long for the summary lose their middle', async () => {
    const model = await startScriptedModel({ contextWindow: 12_000 })
    const host = await startTestHost({ model })
    try {
      const session = await newSession(host)
      const events = await converse(host.client, session.id, '#bash seq 1 20000 | head -c 60000\n#say done')
      const shown = typesOf(events)
      expect(shown).toContain('agent.thread_context_compacted')
      expect(events.at(-1)).toMatchObject({ stop_reason: { type: 'end_turn' } })
      expect(shown).not.toContain('session.error')
    } finally {
      await host.remove()
      await model.close()
    }
  })

  it('that no summary can shorten ends the turn with the reason, and the session takes the next message', async () => {
    const model = await startScriptedModel({ contextWindow: 12_000 })
    const host = await startTestHost({ model })
    try {
      const session = await newSession(host)
      const events = await converse(host.client, session.id, `hello\n${'word '.repeat(20_000)}`)
      expect(events.find((event) => event.type === 'session.error')).toMatchObject({
        error: { type: 'model_request_failed_error', retry_status: { type: 'exhausted' } },
      })
      expect(lastText(await converse(host.client, session.id, '#say next'))).toContain('next')
    } finally {
      await host.remove()
      await model.close()
    }
  })
})

describe('a message that does not fit beside the shortest summary', () => {
  it('is given up at the limit, and the model does not see it again: the next one is answered', async () => {
    const model = await startScriptedModel({ contextWindow: 12_000 })
    const host = await startTestHost({ model })
    try {
      const session = await newSession(host)
      await converse(host.client, session.id, '#say first')
      const events = await converse(host.client, session.id, `hello\n${'word '.repeat(20_000)}`)
      expect(typesOf(events).filter((type) => type === 'agent.thread_context_compacted')).toHaveLength(3)
      expect(events.find((event) => event.type === 'session.error')).toMatchObject({
        error: { type: 'compaction_limit_reached_error', retry_status: { type: 'exhausted' } },
      })
      expect(lastText(await converse(host.client, session.id, '#say next'))).toContain('next')
      const seen = JSON.stringify(model.requests.at(-1)!.body.messages)
      expect(seen).toContain('<summary>')
      expect(seen).not.toContain('word word')
    } finally {
      await host.remove()
      await model.close()
    }
  })
})

describe('a request that has become too large for the API', () => {
  it('is compacted, which leaves its images out, and asked again', async () => {
    const model = await startScriptedModel()
    onTestFinished(() => model.close())
    const mostBytes = 100_000
    const front = createServer(async (request, response) => {
      const body = await buffer(request)
      if (body.length > mostBytes) {
        const error = { type: 'request_too_large', message: 'Request exceeds the maximum size' }
        response.writeHead(413, { 'content-type': 'application/json' })
        return void response.end(JSON.stringify({ type: 'error', error }))
      }
      const headers = { 'content-type': 'application/json', 'x-api-key': 'any' }
      const answer = await fetch(`${model.url}${request.url}`, { method: 'POST', headers, body })
      response.writeHead(answer.status, { 'content-type': answer.headers.get('content-type')! })
      response.end(await answer.text())
    })
    await new Promise<void>((resolve) => front.listen(0, '127.0.0.1', resolve))
    onTestFinished(() => void front.close())
    const url = `http://127.0.0.1:${(front.address() as AddressInfo).port}`
    const host = await startTestHost({ model: { ...model, url } })
    onTestFinished(() => host.remove())
    const session = await newSession(host)
    const data = Buffer.concat([Buffer.from('\x89PNG\r\n\x1a\n', 'latin1'), Buffer.alloc(40_000)]).toString('base64')
    const source = { type: 'base64' as const, media_type: 'image/png', data }
    const shown = (text: string) => [
      {
        type: 'user.message' as const,
        content: [
          { type: 'image' as const, source },
          { type: 'text' as const, text },
        ],
      },
    ]
    await converse(host.client, session.id, shown('#say first'))
    const events = await converse(host.client, session.id, shown('#say second'))
    expect(typesOf(events)).not.toContain('session.error')
    expect(typesOf(events)).toContain('agent.thread_context_compacted')
    expect(lastText(events)).toContain('second')
  })
})

describe('a reply that is no summary', () => {
  it.each([
    ['goes on to call a tool', { type: 'tool_use' as const, name: 'bash', input: { command: 'true' } }, {}],
    ['is a refusal', { type: 'text' as const, text: 'I would rather not' }, { refuse: true }],
  ])('because it %s is not taken for one: it is asked for again', async (_, block, ending) => {
    let asked = 0
    const model = await startScriptedModel({
      script: ({ messages }) => {
        if (!asksForSummary(messages)) return { blocks: [{ type: 'text', text: 'fine' }] }
        asked++
        if (asked > 1) return { blocks: [{ type: 'text', text: 'all was well' }] }
        return { blocks: [{ type: 'text', text: 'First a look.' }, block], ...ending }
      },
    })
    const host = await startTestHost({ model, config: { model: { compactAtTokens: 6000 } } })
    try {
      const session = await newSession(host)
      await converse(host.client, session.id, `hello\n${'word '.repeat(6000)}`)
      const events = await converse(host.client, session.id, 'go on')
      expect(asked).toBe(2)
      expect(lastText(events)).toBe('fine')
      const seen = JSON.stringify(model.requests.at(-1)!.body.messages)
      expect(seen).toContain('all was well')
      expect(seen).not.toContain('First a look.')
      // What was not taken has its cost all the same.
      const spent = model.requests.reduce((sum, { usage }) => sum + usage!.output_tokens, 0)
      expect((await host.client.beta.sessions.retrieve(session.id)).usage.output_tokens).toBe(spent)
    } finally {
      await host.remove()
      await model.close()
    }
  })
})

describe('a worker that is killed while the summary is written', () => {
  it('costs one more request, and nothing is compacted twice', async () => {
    const summaries: number[] = []
    const model = await startScriptedModel({
      script: ({ messages }) => {
        if (!asksForSummary(messages)) return { blocks: [{ type: 'text', text: 'fine' }] }
        summaries.push(messages.length)
        return { blocks: [{ type: 'text', text: 'all was well' }], ...(summaries.length === 1 && { waitMs: 60_000 }) }
      },
    })
    const host = await startTestHost({ model, config: { model: { compactAtTokens: 6000 } } })
    try {
      const session = await newSession(host)
      await converse(host.client, session.id, `hello\n${'word '.repeat(6000)}`)
      const turn = converse(host.client, session.id, 'go on')
      await expect.poll(() => summaries.length, { timeout: 20_000 }).toBe(1)
      process.kill(host.workerPids[0]!, 'SIGKILL')
      const events = await turn
      expect(summaries).toHaveLength(2)
      const shown = typesOf(events)
      expect(shown.filter((type) => type === 'agent.thread_context_compacted')).toHaveLength(1)
      expect(shown).toContain('session.status_rescheduled')
      expect(lastText(events)).toBe('fine')
    } finally {
      await host.remove()
      await model.close()
    }
  })
})
