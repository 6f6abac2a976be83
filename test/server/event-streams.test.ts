import { describe, expect, it } from 'vitest'
import type { EventStreamParams, StreamedEvent } from '../../client/api.ts'
import { ApiError, notFound } from '../../protocol/errors.ts'
import { defaultLimits, type ServerLimits } from '../../server/limits.ts'
import { until } from '../support/until.ts'
import { ask, connect, serve } from './serving.ts'

/** A stream of the library that says what the test says. */
class Said implements AsyncIterableIterator<StreamedEvent> {
  returned = false
  readonly #events: StreamedEvent[] = []
  #error: Error | undefined
  #ended = false
  #wake = Promise.withResolvers<void>()

  say(cursor: string | undefined, event: object): void {
    this.#events.push({ cursor, event: event as StreamedEvent['event'] })
    this.#wake.resolve()
  }

  end(error?: Error): void {
    this.#error = error
    this.#ended = true
    this.#wake.resolve()
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.return()
  }

  async next(): Promise<IteratorResult<StreamedEvent>> {
    for (;;) {
      const value = this.#events.shift()
      if (value) return { done: false, value }
      if (this.#error) throw this.#error
      if (this.#ended || this.returned) return { done: true, value: undefined }
      this.#wake = Promise.withResolvers()
      await this.#wake.promise
    }
  }

  async return(): Promise<IteratorResult<StreamedEvent>> {
    this.returned = true
    this.#wake.resolve()
    return { done: true, value: undefined }
  }

  [Symbol.asyncIterator]() {
    return this
  }
}

async function start(limits: Partial<ServerLimits> = {}) {
  const said = new Said()
  const opened: { id: string; params: EventStreamParams }[] = []
  const stream = async (id: string, params: EventStreamParams = {}) => {
    opened.push({ id, params })
    return said
  }
  const server = await serve({ sessions: { events: { stream } } }, { limits })
  return { ...server, said, opened, stream: `${server.url}/v1/sessions/sesn_1/events/stream` }
}

/** Reads a stream as text, as it comes. */
async function read(url: string, headers: Record<string, string> = {}) {
  const leaving = new AbortController()
  const response = await fetch(url, { headers, signal: leaving.signal })
  let text = ''
  const ended = (async () => {
    for await (const chunk of response.body!.pipeThrough(new TextDecoderStream())) text += chunk
  })()
  ended.catch(() => {})
  return { response, text: () => text, ended, leave: () => leaving.abort() }
}

describe('an event stream', () => {
  it('sends its head before there is an event', async () => {
    const { stream, opened } = await start()
    const { response, text, leave } = await read(stream)
    expect(response.status).toBe(200)
    expect(Object.fromEntries(response.headers)).toMatchObject({
      'content-type': 'text/event-stream; charset=utf-8',
      'cache-control': expect.stringContaining('no-cache'),
      'request-id': expect.stringMatching(/^req_/),
    })
    await until(() => text().startsWith(': '))
    expect(opened.map(({ id }) => id)).toEqual(['sesn_1'])
    leave()
  })

  it('sends every event as a message of one line, with its cursor for an id', async () => {
    const { stream, said } = await start()
    const { text, ended } = await read(stream)
    const odd = { type: 'agent.message', id: 'sevt_2', text: 'a\nb\r\nc\u2028d\u0085e 😀' }
    said.say('cursor-1', { type: 'session.status_running', id: 'sevt_1' })
    said.say(undefined, { type: 'event_start', event: { type: 'agent.message', id: 'sevt_2' } })
    said.say('cursor-2', odd)
    said.end()
    await ended
    const frames = text()
      .split('\n\n')
      .filter((frame) => frame !== '' && !frame.startsWith(':'))
    expect(frames.slice(0, 2)).toEqual([
      'event: message\nid: cursor-1\ndata: {"type":"session.status_running","id":"sevt_1"}',
      'event: message\ndata: {"type":"event_start","event":{"type":"agent.message","id":"sevt_2"}}',
    ])
    const [name, id, data, ...more] = frames[2]!.split(/\r\n|[\n\r\u2028\u0085]/)
    expect([name, id, more]).toEqual(['event: message', 'id: cursor-2', []])
    expect(JSON.parse(data!.slice('data: '.length))).toEqual(odd)
    expect(frames.length).toBe(3)
  })

  it('is read by the official SDK to its end', async () => {
    const { client, said, opened } = await start({ commentMs: 5 })
    const events = await client.beta.sessions.events.stream('sesn_1', {
      event_deltas: ['agent.message', 'agent.thinking'],
    })
    said.say('1', { type: 'session.status_running', id: 'sevt_1' })
    said.say(undefined, { type: 'event_start', event: { type: 'agent.message', id: 'sevt_2' } })
    said.say('2', { type: 'agent.message', id: 'sevt_2', content: [{ type: 'text', text: 'hé\u2028llo' }] })
    const seen: unknown[] = []
    for await (const event of events) {
      seen.push(event)
      if (event.type === 'agent.message') said.end()
    }
    expect(seen).toEqual([
      { type: 'session.status_running', id: 'sevt_1' },
      { type: 'event_start', event: { type: 'agent.message', id: 'sevt_2' } },
      { type: 'agent.message', id: 'sevt_2', content: [{ type: 'text', text: 'hé\u2028llo' }] },
    ])
    expect(opened[0]?.params.event_deltas).toEqual(['agent.message', 'agent.thinking'])
    await until(() => said.returned)
  })

  it('goes on behind the cursor of the query or of Last-Event-ID, which a reader has from later', async () => {
    const { stream, opened, said } = await start()
    said.end()
    const wanted = async (query: string, headers?: Record<string, string>) => {
      await (await read(`${stream}${query}`, headers)).ended
      const { signal, ...params } = opened.at(-1)!.params
      expect(signal).toBeInstanceOf(AbortSignal)
      return params
    }
    expect(await wanted('')).toEqual({})
    expect(await wanted('?after=one')).toEqual({ after: 'one' })
    expect(await wanted('', { 'last-event-id': 'two' })).toEqual({ after: 'two' })
    expect(await wanted('?after=one&beta=true', { 'Last-Event-ID': 'two' })).toEqual({ after: 'two' })
    expect(await wanted('?event_deltas=agent.message')).toEqual({ event_deltas: ['agent.message'] })
  })

  it('sends comments while there is nothing to say', async () => {
    const { stream } = await start({ commentMs: 10 })
    const { text, leave } = await read(stream)
    await until(() => text().split(': keep-alive\n\n').length > 3)
    leave()
    // Some proxies close what is silent for longer.
    expect(defaultLimits.commentMs).toBeLessThanOrEqual(10_000)
  })

  it('is answered with an error, and not opened, when the library refuses it', async () => {
    const { url } = await serve({
      sessions: { events: { stream: () => Promise.reject(notFound('session', 'sesn_1')) } },
    })
    const { status, headers, body } = await ask(`${url}/v1/sessions/sesn_1/events/stream`)
    expect(status).toBe(404)
    expect(headers.get('content-type')).toMatch(/^application\/json/)
    expect(body).toMatchObject({ error: { type: 'not_found_error' }, request_id: headers.get('request-id') })
  })

  it('ends with the error that it broke on, without the text that is not for clients', async () => {
    const { stream, said, log } = await start()
    const { response, text, ended } = await read(stream)
    said.say('1', { type: 'session.status_running', id: 'sevt_1' })
    said.end(new Error('SECRET'))
    await ended
    const last = text().trimEnd().split('\n\n').at(-1)!
    expect(last).toMatch(/^event: error\ndata: \{.*\}$/)
    expect(JSON.parse(last.split('data: ')[1]!)).toMatchObject({
      type: 'error',
      error: { type: 'api_error' },
      request_id: response.headers.get('request-id'),
    })
    expect(text()).not.toContain('SECRET')
    expect(log.join()).toContain(response.headers.get('request-id'))
  })

  it('raises that error in the official SDK', async () => {
    const { client, said } = await start()
    const events = await client.beta.sessions.events.stream('sesn_1')
    said.end(new ApiError(529, 'overloaded_error', 'too much'))
    const raised = (async () => {
      for await (const _ of events);
    })()
    await expect(raised).rejects.toThrow('too much')
  })

  it('has no head of its own to ask for', async () => {
    const { stream, opened } = await start()
    expect((await fetch(stream, { method: 'HEAD' })).status).toBe(404)
    expect(opened).toEqual([])
  })
})

describe('a reader', () => {
  it('that goes away frees what the library holds, also when nothing happens', async () => {
    const { stream, said, opened } = await start()
    const { leave } = await read(stream)
    expect(said.returned).toBe(false)
    leave()
    await until(() => said.returned)
    expect(opened[0]?.params.signal?.aborted).toBe(true)
  })

  it('that goes away while the stream is being opened frees it too', async () => {
    const said = new Said()
    const opening = Promise.withResolvers<void>()
    let signal: AbortSignal | undefined
    const { url } = await serve({
      sessions: {
        events: {
          stream: async (_id, params) => {
            signal = params?.signal
            await opening.promise
            return said
          },
        },
      },
    })
    const { socket } = await connect(url, 'GET /v1/sessions/sesn_1/events/stream HTTP/1.1\r\nhost: x\r\n\r\n')
    await until(() => signal)
    socket.destroy()
    await until(() => signal?.aborted)
    opening.resolve()
    await until(() => said.returned)
  })

  it('gets all of a long history, which is not kept in memory for it', async () => {
    const count = 40
    let made = 0
    const text = 'x'.repeat(1_000_000)
    async function* history(): AsyncGenerator<StreamedEvent> {
      for (; made < count; made++) yield { cursor: String(made), event: { type: 'agent.message', text } as never }
    }
    const { url } = await serve({ sessions: { events: { stream: async () => history() } } })
    const connection = await connect(url)
    connection.socket.pause()
    connection.socket.write('GET /v1/sessions/sesn_1/events/stream HTTP/1.1\r\nhost: x\r\n\r\n')
    await until(async () => made > 0 && (await ask(`${url}/health`)).status === 200)
    expect(made).toBeLessThan(30)
    connection.socket.resume()
    await connection.closed
    expect(connection.text().match(/^id: \d+$/gm)).toHaveLength(count)
  })

  it('that reads nothing is dropped, whatever is said', async () => {
    let made = 0
    let freed = false
    const text = 'x'.repeat(1_000_000)
    async function* endless(): AsyncGenerator<StreamedEvent> {
      try {
        for (;;) yield { cursor: String(made++), event: { type: 'agent.message', text } as never }
      } finally {
        freed = true
      }
    }
    const stream = async () => endless()
    const { url } = await serve(
      { sessions: { events: { stream } } },
      { limits: { stalledReaderMs: 100, commentMs: 10 } },
    )
    const { socket } = await connect(url)
    socket.pause()
    socket.write('GET /v1/sessions/sesn_1/events/stream HTTP/1.1\r\nhost: x\r\n\r\n')
    await until(() => freed)
    expect(made).toBeLessThan(30)
  })

  it('is not dropped for having nothing to read', async () => {
    const { stream, said } = await start({ stalledReaderMs: 100, commentMs: 10 })
    const { text, leave } = await read(stream)
    await until(() => text().split(': keep-alive').length > 30)
    expect(said.returned).toBe(false)
    leave()
  })
})

describe('a server that closes', () => {
  it('ends its streams as if they were over, and frees them', async () => {
    const { stream, said, close } = await start()
    const readers = await Promise.all([read(stream), read(stream)])
    await close()
    await Promise.all(readers.map(({ ended }) => ended))
    expect(said.returned).toBe(true)
    await expect(fetch(stream)).rejects.toThrow()
  })

  it('does not wait for one that is being opened', async () => {
    let asked = false
    const { url, close } = await serve({
      sessions: {
        events: {
          stream: (_id, params) => {
            asked = true
            return new Promise((_, reject) =>
              params?.signal?.addEventListener('abort', () => reject(new Error('left'))),
            )
          },
        },
      },
    })
    const answer = ask(`${url}/v1/sessions/sesn_1/events/stream`)
    await until(() => asked)
    await close()
    expect((await answer).status).toBe(503)
  })
})
