import { createServer, type RequestListener, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { describe, expect, it, onTestFinished } from 'vitest'
import { type AnthropicOptions, AnthropicProvider } from '../../activities/model/anthropic-provider.ts'
import type { ModelDelta, ModelRequest, ModelResponse } from '../../activities/model/provider.ts'
import { ModelRequestFailed } from '../../activities/model/provider.ts'
import type { ModelFailure } from '../../protocol/contract.ts'
import type { StepUsage } from '../../protocol/usage.ts'
import { sign } from '../../testing/scripted-model/check.ts'
import { startScriptedModel } from '../../testing/scripted-model/server.ts'
import { until } from '../support/until.ts'
import { bash, request } from './samples.ts'

const apiKey = 'test-key-1234567890'

/** A provider of the scripted model's replies. */
async function scripted(options: AnthropicOptions = {}) {
  const model = await startScriptedModel()
  onTestFinished(() => model.close())
  return { model, provider: new AnthropicProvider({ apiKey, baseURL: model.url, ...options }) }
}

/** A server that answers every request as the listener does. */
async function serving(listener: RequestListener): Promise<{ server: Server; url: string }> {
  const server = createServer(listener)
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  onTestFinished(() => {
    server.closeAllConnections()
    server.close()
  })
  return { server, url: `http://127.0.0.1:${(server.address() as AddressInfo).port}` }
}

type Event = { type: string; [field: string]: unknown }
const frame = (event: Event) => `event: ${event.type}\ndata: ${JSON.stringify(event)}\n\n`
const begin: Event = {
  type: 'message_start',
  message: {
    id: 'msg_1',
    type: 'message',
    role: 'assistant',
    model: 'm',
    content: [],
    stop_reason: null,
    stop_sequence: null,
    usage: { input_tokens: 7, output_tokens: 1 },
  },
}
const block = (index: number, content_block: object): Event => ({ type: 'content_block_start', index, content_block })
const delta = (index: number, delta: object): Event => ({ type: 'content_block_delta', index, delta })
const stop = (index: number): Event => ({ type: 'content_block_stop', index })
const end = (stop_reason: string): Event[] => [
  { type: 'message_delta', delta: { stop_reason, stop_sequence: null }, usage: { output_tokens: 9 } },
  { type: 'message_stop' },
]

/** A provider whose server sends exactly these events. */
async function streaming(events: Event[], options: AnthropicOptions = {}) {
  const { url } = await serving((_, response) => {
    response.writeHead(200, { 'content-type': 'text/event-stream' })
    response.end(events.map(frame).join(''))
  })
  return new AnthropicProvider({ apiKey, baseURL: url, ...options })
}

/** A provider whose server refuses with this. */
async function refusing(status: number, body: unknown, headers: Record<string, string> = {}) {
  const { url } = await serving((_, response) => {
    response.writeHead(status, { 'content-type': 'application/json', ...headers })
    response.end(typeof body === 'string' ? body : JSON.stringify(body))
  })
  return new AnthropicProvider({ apiKey, baseURL: url })
}

const errorBody = (type: string, message = 'm') => ({ type: 'error', error: { type, message } })

function ask(provider: AnthropicProvider, what: string | ModelRequest): Promise<ModelResponse> {
  return provider.request(typeof what === 'string' ? request(what) : what, { signal: new AbortController().signal })
}

async function failureOf(provider: AnthropicProvider, what: string | ModelRequest = 'x'): Promise<ModelFailure> {
  try {
    await ask(provider, what)
  } catch (error) {
    if (error instanceof ModelRequestFailed) return error.failure
    throw error
  }
  throw new Error('the request did not fail')
}

describe('a reply', () => {
  it('comes with its blocks, why it ended, and its usage', async () => {
    const { model, provider } = await scripted()
    const reply = await ask(provider, request('#text first\n#bash ls', { tools: [bash] }))
    expect(reply).toEqual({
      model: 'claude-opus-5',
      content: [
        { type: 'text', text: 'first' },
        { type: 'tool_use', id: expect.stringMatching(/^toolu_/), name: 'bash', input: { command: 'ls' } },
      ],
      stop_reason: 'tool_use',
      stop_details: null,
      usage: { ...model.requests[0]!.usage, cache_creation_1h_input_tokens: 0 },
    })
    expect(reply.usage.output_tokens).toBeGreaterThan(1)
  })

  it('is told as it arrives, in order', async () => {
    const { provider } = await scripted()
    const deltas: ModelDelta[] = []
    const reply = await provider.request(request('#think let me see\n#long 20'), {
      signal: new AbortController().signal,
      onDelta: (delta) => deltas.push(delta),
    })
    expect(deltas.filter(({ type }) => type === 'block_start')).toEqual([
      { type: 'block_start', index: 0, block: 'thinking' },
      { type: 'block_start', index: 1, block: 'text' },
    ])
    const texts = deltas.filter((delta) => delta.type === 'text')
    expect(texts.length).toBeGreaterThan(3)
    expect(texts.every(({ index }) => index === 1)).toBe(true)
    expect(texts.map(({ text }) => text).join('')).toBe(reply.content[1]!.text)
  })

  it('is echoed exactly with the next request, the thinking with its signature', async () => {
    const { model, provider } = await scripted()
    const first = request('#think let me see: ünïcödé 🌍\n#bash ls\n#say done', { tools: [bash] })
    const reply = await ask(provider, first)
    expect(reply.content[0]).toEqual({
      type: 'thinking',
      thinking: 'let me see: ünïcödé 🌍',
      signature: sign('let me see: ünïcödé 🌍'),
    })
    const result = { type: 'tool_result', tool_use_id: reply.content[1]!.id, content: [{ type: 'text', text: 'a' }] }
    await ask(provider, {
      ...first,
      messages: [...first.messages, { role: 'assistant', content: reply.content }, { role: 'user', content: [result] }],
    })
    expect(model.requests[1]!.refused).toBeUndefined()
    expect(model.requests[1]!.body.messages[1]!.content).toEqual(reply.content)
  })

  it('keeps blocks and fields of kinds that are not known here', async () => {
    const provider = await streaming([
      begin,
      block(0, { type: 'redacted_thinking', data: 'cipher' }),
      stop(0),
      block(1, { type: 'new_kind', of: { the: ['future'] } }),
      stop(1),
      { type: 'new_event', x: 1 },
      block(2, { type: 'text', text: '', citations: null }),
      delta(2, { type: 'text_delta', text: 'hi' }),
      delta(2, { type: 'citations_delta', citation: { n: 1 } }),
      delta(2, { type: 'new_delta', x: 1 }),
      stop(2),
      ...end('end_turn'),
    ])
    expect((await ask(provider, 'x')).content).toEqual([
      { type: 'redacted_thinking', data: 'cipher' },
      { type: 'new_kind', of: { the: ['future'] } },
      { type: 'text', text: 'hi', citations: [{ n: 1 }] },
    ])
  })

  it('says that and why the model refused', async () => {
    const { provider } = await scripted()
    const reply = await ask(provider, '#refuse')
    expect(reply).toMatchObject({
      content: [],
      stop_reason: 'refusal',
      stop_details: { type: 'refusal', category: null, explanation: 'the script says so' },
    })
  })

  it('has an empty input for a call without arguments', async () => {
    const provider = await streaming([
      begin,
      block(0, { type: 'tool_use', id: 't', name: 'now', input: {} }),
      delta(0, { type: 'input_json_delta', partial_json: '' }),
      stop(0),
      ...end('tool_use'),
    ])
    expect((await ask(provider, 'x')).content).toEqual([{ type: 'tool_use', id: 't', name: 'now', input: {} }])
  })

  const cut = (json: string[]) => [
    begin,
    block(0, { type: 'text', text: '' }),
    delta(0, { type: 'text_delta', text: 'I write' }),
    stop(0),
    block(1, { type: 'tool_use', id: 't', name: 'write', input: {} }),
    ...json.map((partial_json) => delta(1, { type: 'input_json_delta', partial_json })),
    stop(1),
    ...end('max_tokens'),
  ]
  it.each([
    ['within its input', ['', '{"file_path": "/a", "cont']],
    ['before its input', ['']],
    ['right after its name', []],
  ])('has no tool use that the token limit cut %s', async (_, json) => {
    const reply = await ask(await streaming(cut(json)), 'x')
    expect(reply).toMatchObject({ stop_reason: 'max_tokens', content: [{ type: 'text', text: 'I write' }] })
    expect(reply.content).toHaveLength(1)
  })

  it('has a tool use that was complete when the token limit came', async () => {
    const reply = await ask(await streaming(cut(['{"file_path"', ': "/a"}'])), 'x')
    expect(reply.content[1]).toMatchObject({ type: 'tool_use', input: { file_path: '/a' } })
  })
})

describe('a failed request', () => {
  const failed = 'model_request_failed_error'
  it.each([
    ['429', { error: 'model_rate_limited_error', transient: true }],
    ['429 retry-after=3', { error: 'model_rate_limited_error', transient: true, retryAfterMs: 3000 }],
    ['529', { error: 'model_overloaded_error', transient: true }],
    ['529 retry-after=1', { error: 'model_overloaded_error', transient: true, retryAfterMs: 1000 }],
    ['500', { error: failed, transient: true }],
    ['500 retry-after=2', { error: failed, transient: true, retryAfterMs: 2000 }],
    ['400', { error: failed, transient: false, refused: true }],
    ['401', { error: failed, transient: false }],
    ['cut', { error: failed, transient: true }],
    ['reset', { error: failed, transient: true }],
  ])('with %s says what it means', async (fault, expected) => {
    const { provider } = await scripted()
    const what = `#fault ${fault}\n#long 50`
    const failure = await failureOf(provider, what)
    expect(failure).toEqual({ ...expected, message: expect.stringMatching(/./) })
    // One attempt a call: the second one is ours, and the fault strikes once.
    expect((await ask(provider, what)).stop_reason).toBe('end_turn')
  })

  it('is one request: retries are the workflow’s', async () => {
    const { model, provider } = await scripted()
    await failureOf(provider, '#fault 529 times=9\n#say x')
    expect(model.requests).toHaveLength(1)
  })

  it('that went silent is cut, in the head and in the middle', async () => {
    const { provider } = await scripted({ stallTimeoutMs: 100 })
    const cut = { error: failed, transient: true, message: "the model's server sent nothing for 0.1 s" }
    expect(await failureOf(provider, '#fault silence\n#say x')).toEqual(cut)
    expect(await failureOf(provider, '#wait 5000\n#say x')).toEqual(cut)
  })

  it('is not cut while content comes, however long it takes', async () => {
    const { provider } = await scripted({ stallTimeoutMs: 1000 })
    // Some thirty deltas with 60 ms between them: longer than the limit, never silent for as long.
    const before = performance.now()
    const reply = await ask(provider, '#slow 60\n#long 70')
    expect(performance.now() - before).toBeGreaterThan(1000)
    expect(reply.content[0]!.text).toHaveLength('[scripted model] '.length + 70 * 5 - 1)
  })

  it('that only gets pings is cut: they are no content', async () => {
    const { url } = await serving((_, response) => {
      response.writeHead(200, { 'content-type': 'text/event-stream' })
      response.write(frame(begin))
      const pings = setInterval(() => response.write(frame({ type: 'ping' })), 20)
      response.on('close', () => clearInterval(pings))
    })
    const failure = await failureOf(new AnthropicProvider({ apiKey, baseURL: url, stallTimeoutMs: 200 }))
    expect(failure).toMatchObject({ transient: true, message: "the model's server sent nothing for 0.2 s" })
  })

  it('whose stream ends without its end is no reply', async () => {
    const events = [
      begin,
      block(0, { type: 'text', text: '' }),
      delta(0, { type: 'text_delta', text: 'half' }),
      stop(0),
    ]
    const message = 'the stream of the reply ended too early'
    expect(await failureOf(await streaming(events))).toEqual({ error: failed, transient: true, message })
    expect(await failureOf(await streaming([]))).toEqual({ error: failed, transient: true, message })
  })

  it.each([
    [
      'a tool input that is no JSON',
      [
        begin,
        block(0, { type: 'tool_use', id: 't', name: 'x', input: {} }),
        delta(0, { type: 'input_json_delta', partial_json: '{"a": ' }),
        stop(0),
        ...end('tool_use'),
      ],
    ],
    ['a delta of a block that has not begun', [begin, delta(3, { type: 'text_delta', text: 'x' }), ...end('end_turn')]],
  ])('with %s is worth another attempt', async (_, events) => {
    expect(await failureOf(await streaming(events))).toMatchObject({ error: failed, transient: true })
  })

  it('with a line that is no JSON is worth another attempt', async () => {
    const { url } = await serving((_, response) => {
      response.writeHead(200, { 'content-type': 'text/event-stream' })
      response.end(`${frame(begin)}event: message_delta\ndata: {"type": \n\n`)
    })
    // The SDK writes the line to the console.
    const provider = new AnthropicProvider({ apiKey, baseURL: url })
    expect(await failureOf(provider)).toMatchObject({ error: failed, transient: true })
  })

  it.each([
    ['overloaded_error', { error: 'model_overloaded_error', transient: true }],
    ['rate_limit_error', { error: 'model_rate_limited_error', transient: true }],
    ['api_error', { error: failed, transient: true }],
    ['billing_error', { error: 'billing_error', transient: false }],
    ['invalid_request_error', { error: failed, transient: false }],
  ])('within a stream that had begun counts as what it is: %s', async (type, expected) => {
    const provider = await streaming([begin, errorBody(type, 'in the middle') as Event])
    expect(await failureOf(provider)).toEqual({ ...expected, message: 'in the middle' })
  })

  it.each([
    [402, errorBody('billing_error'), { error: 'billing_error', transient: false }],
    [
      400,
      errorBody('invalid_request_error', 'Your credit balance is too low'),
      { error: 'billing_error', transient: false },
    ],
    [403, errorBody('permission_error'), { error: failed, transient: false }],
    [404, errorBody('not_found_error', 'model: x'), { error: failed, transient: false, message: 'model: x' }],
    [413, errorBody('request_too_large'), { error: failed, transient: false, tooLong: true }],
    [408, errorBody('timeout_error'), { error: failed, transient: true }],
    [409, errorBody('conflict'), { error: failed, transient: true }],
    [502, '<html>bad gateway</html>', { error: failed, transient: true }],
    [503, '', { error: failed, transient: true }],
    [504, errorBody('timeout_error'), { error: failed, transient: true }],
  ])('with %i and %j says whether to try again', async (status, body, expected) => {
    expect(await failureOf(await refusing(status, body))).toMatchObject(expected)
  })

  it('does as the server asks about another attempt', async () => {
    const never = { 'x-should-retry': 'false' }
    expect(await failureOf(await refusing(429, errorBody('rate_limit_error'), never))).toMatchObject({
      transient: false,
    })
    expect(await failureOf(await refusing(529, errorBody('overloaded_error'), never))).toMatchObject({
      transient: false,
    })
    expect(await failureOf(await refusing(500, errorBody('api_error'), never))).toMatchObject({ transient: false })
    expect(
      await failureOf(await refusing(400, errorBody('invalid_request_error'), { 'x-should-retry': 'true' })),
    ).toMatchObject({ transient: true })
  })

  it('waits as long as the server asks, in any of its ways to say so', async () => {
    const wait = async (headers: Record<string, string>) =>
      (await failureOf(await refusing(429, errorBody('rate_limit_error'), headers))).retryAfterMs
    expect(await wait({ 'retry-after-ms': '1234', 'retry-after': '9' })).toBe(1234)
    expect(await wait({ 'retry-after': '1.5' })).toBe(1500)
    expect(await wait({ 'retry-after': '0' })).toBe(0)
    expect(await wait({ 'retry-after': new Date(Date.now() - 60_000).toUTCString() })).toBe(0)
    const later = await wait({ 'retry-after': new Date(Date.now() + 3_600_000).toUTCString() })
    expect(later).toBeGreaterThan(3_500_000)
    expect(later).toBeLessThanOrEqual(3_600_000)
    expect(await wait({ 'retry-after': 'soon' })).toBeUndefined()
    expect(await wait({})).toBeUndefined()
  })

  it('says which setting to look at when nobody listens, and is worth another attempt', async () => {
    const { server, url } = await serving(() => {})
    await new Promise((resolve) => server.close(resolve))
    const failure = await failureOf(new AnthropicProvider({ apiKey, baseURL: url }))
    expect(failure).toMatchObject({ error: failed, transient: true })
    expect(failure.message).toMatch(/cannot be reached: .*ECONNREFUSED.*ANTHROPIC_BASE_URL/)
  })

  it('says which setting to look at when the key is refused', async () => {
    const { provider } = await scripted()
    expect((await failureOf(provider, '#fault 401\n#say x')).message).toMatch(/401.*ANTHROPIC_API_KEY/)
  })

  it.each([
    ['an address that is none', { apiKey, baseURL: 'nonsense' }, 'ANTHROPIC_BASE_URL'],
    ['a key that no header can carry', { apiKey: 'secret-key\n1234567' }, 'ANTHROPIC_API_KEY'],
  ])('for %s is not tried again, and names the setting', async (_, options, setting) => {
    const { url } = await serving(() => {})
    const failure = await failureOf(new AnthropicProvider({ baseURL: url, ...options }))
    expect(failure).toMatchObject({ error: failed, transient: false })
    expect(failure.message).toContain(setting)
    expect(failure.message).not.toContain('1234567')
  })
})

describe('a provider with both kinds of keys', () => {
  it('uses the API key', async () => {
    const seen: (string | undefined)[] = []
    const { url } = await serving((incoming, response) => {
      seen.push(incoming.headers['x-api-key'] as string | undefined, incoming.headers.authorization)
      response.writeHead(200, { 'content-type': 'text/event-stream' })
      response.end([begin, ...end('end_turn')].map(frame).join(''))
    })
    await ask(new AnthropicProvider({ apiKey, authToken: 'token-0987654321', baseURL: url }), 'x')
    expect(seen.join()).toContain(apiKey)
    expect(seen.join()).not.toContain('token-0987654321')
  })
})

describe('a key', () => {
  it('is in no error, whatever the server says back', async () => {
    const others = 'sk-ant-api03-someone_elses-KEY'
    const keys: AnthropicOptions[] = [{ apiKey }, { authToken: 'token-0987654321' }]
    for (const options of keys) {
      const secret = options.apiKey ?? options.authToken!
      const { url } = await serving((_, response) => {
        response.writeHead(400, { 'content-type': 'application/json' })
        response.end(JSON.stringify(errorBody('invalid_request_error', `no: ${secret}, ${secret} and ${others}`)))
      })
      try {
        await ask(new AnthropicProvider({ ...options, baseURL: url }), 'x')
        expect.unreachable()
      } catch (error) {
        const failed = error as ModelRequestFailed
        expect(failed.failure.message).toBe('no: [secret], [secret] and [secret]')
        const all = `${failed.message}${failed.stack}${JSON.stringify(failed)}${failed.cause}`
        expect(all).not.toContain(secret)
        expect(all).not.toContain(others)
      }
    }
  })

  it('in the address of the server is in no error', async () => {
    const provider = new AnthropicProvider({ apiKey, baseURL: 'http://someone:hunter2@127.0.0.1:9' })
    const { message } = await failureOf(provider)
    expect(message).toContain('ANTHROPIC_BASE_URL')
    expect(message).not.toContain('hunter2')
  })

  it('is not cut in two by the limit on the length of a message', async () => {
    const provider = await refusing(
      400,
      errorBody('invalid_request_error', `${'x'.repeat(1990)}${apiKey}${'y'.repeat(5000)}`),
    )
    const { message } = await failureOf(provider)
    expect(message.length).toBeLessThanOrEqual(2000)
    expect(message).not.toContain(apiKey.slice(0, 8))
  })
})

describe('an abort', () => {
  /** A server that counts its open connections and never ends a reply. */
  async function endless() {
    const { server, url } = await serving((_, response) => {
      response.writeHead(200, { 'content-type': 'text/event-stream' })
      response.write(frame(begin) + frame(block(0, { type: 'text', text: '' })))
      const more = () => response.write(frame(delta(0, { type: 'text_delta', text: 'word ' })))
      const words = setInterval(more, 5)
      response.on('close', () => clearInterval(words))
    })
    let open = 0
    server.on('connection', (socket) => {
      open++
      socket.on('close', () => open--)
    })
    return { provider: new AnthropicProvider({ apiKey, baseURL: url }), open: () => open }
  }

  it('ends a stream without end at once with its own reason, and closes the connection', async () => {
    const { provider, open } = await endless()
    const controller = new AbortController()
    const reason = new Error('interrupted')
    let deltas = 0
    const reply = provider.request(request('x'), { signal: controller.signal, onDelta: () => deltas++ })
    const outcome = reply.catch((error) => error)
    await until(() => deltas > 3)
    expect(open()).toBe(1)
    controller.abort(reason)
    expect(await outcome).toBe(reason)
    const seen = deltas
    await until(() => open() === 0)
    expect(deltas).toBe(seen)
  })

  it('leaves known what the request took so far', async () => {
    const { model, provider } = await scripted()
    const controller = new AbortController()
    const usage: StepUsage[] = []
    await expect(
      provider.request(request('#fault silence\n#say x'), {
        signal: controller.signal,
        onUsage: (known) => {
          usage.push(known)
          controller.abort(new Error('interrupted'))
        },
      }),
    ).rejects.toThrow('interrupted')
    const { input_tokens, cache_creation_input_tokens, cache_read_input_tokens } = model.requests[0]!.usage!
    expect(usage).toEqual([
      {
        input_tokens,
        cache_creation_input_tokens,
        cache_read_input_tokens,
        output_tokens: 1,
        cache_creation_1h_input_tokens: 0,
      },
    ])
    expect(input_tokens + cache_creation_input_tokens).toBeGreaterThan(0)
  })

  it('ends a request that has no answer yet, and closes the connection', async () => {
    let closed = false
    let came = false
    const { url } = await serving((incoming) => {
      came = true
      incoming.socket.on('close', () => {
        closed = true
      })
    })
    const controller = new AbortController()
    const provider = new AnthropicProvider({ apiKey, baseURL: url })
    const outcome = provider.request(request('x'), { signal: controller.signal }).catch((error) => error)
    await until(() => came)
    controller.abort(new Error('interrupted'))
    expect(await outcome).toMatchObject({ message: 'interrupted' })
    await until(() => closed)
  })

  it('before the request keeps it from being made', async () => {
    const { model, provider } = await scripted()
    const signal = AbortSignal.abort(new Error('interrupted'))
    await expect(provider.request(request('#say x'), { signal })).rejects.toThrow('interrupted')
    await ask(provider, '#say y')
    expect(model.requests).toHaveLength(1)
  })

  it('wins over a failure that comes with it', async () => {
    const controller = new AbortController()
    const { url } = await serving((_, response) => {
      controller.abort(new Error('interrupted'))
      response.destroy()
    })
    const provider = new AnthropicProvider({ apiKey, baseURL: url })
    await expect(provider.request(request('x'), { signal: controller.signal })).rejects.toThrow('interrupted')
  })

  it('of a stall closes the connection too, and asks no second time', async () => {
    let requests = 0
    let open = 0
    const { server, url } = await serving(() => requests++)
    server.on('connection', (socket) => {
      open++
      socket.on('close', () => open--)
    })
    await failureOf(new AnthropicProvider({ apiKey, baseURL: url, stallTimeoutMs: 500 }))
    await until(() => open === 0)
    expect(requests).toBe(1)
  })
})
