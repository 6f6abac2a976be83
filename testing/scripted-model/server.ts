import { createHash, randomUUID } from 'node:crypto'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { setTimeout as wait } from 'node:timers/promises'
import { Refused, readRequest, sign } from './check.ts'
import type { MessagesRequest } from './messages.ts'
import { PromptCache, type PromptTokens } from './prompt-cache.ts'
import { answer, type Fault, type ReplyBlock, type Step } from './script.ts'

export interface ScriptedModelOptions {
  /** @default a free one */
  port?: number
  /** Tokens that a prompt may have; a longer one is refused. @default any number */
  contextWindow?: number
  /** How many of the newest requests are kept. @default all */
  keep?: number
  /** Replaces the script, for tests that need more than directives. */
  script?: (request: MessagesRequest) => Step
}

export interface ReceivedRequest {
  at: number
  body: MessagesRequest
  /** Milliseconds from its headers to the end of the reply, when that was sent. */
  tookMs?: number
  /** Set when the request was refused. */
  refused?: string
  usage?: PromptTokens & { output_tokens: number }
}

export interface ScriptedModel {
  url: string
  /** Every request that came, in order. */
  requests: ReceivedRequest[]
  close(): Promise<void>
}

/** A server that speaks the Messages API and answers by script. It listens on loopback only. */
export async function startScriptedModel(options: ScriptedModelOptions = {}): Promise<ScriptedModel> {
  const requests: ReceivedRequest[] = []
  const cache = new PromptCache()
  const faults = new Map<string, number>()
  const script = options.script ?? ((request: MessagesRequest) => answer(request.messages))

  const server = createServer((request, response) => {
    handle(request, response).catch((error) => {
      if (!response.headersSent) fail(response, 500, 'api_error', String(error))
      else response.destroy()
    })
  })

  async function handle(request: IncomingMessage, response: ServerResponse): Promise<void> {
    if (request.method === 'GET' && request.url === '/health') return void response.end('ok')
    if (request.method === 'GET' && request.url === '/requests') return void response.end(JSON.stringify(requests))
    if (request.method !== 'POST' || !request.url?.startsWith('/v1/messages')) {
      return fail(response, 404, 'not_found_error', 'only POST /v1/messages is here')
    }
    if (!request.headers['x-api-key'] && !request.headers.authorization) {
      return fail(response, 401, 'authentication_error', 'x-api-key header is required')
    }
    const began = performance.now()
    const chunks: Buffer[] = []
    for await (const chunk of request) chunks.push(chunk as Buffer)
    const body = parsed(Buffer.concat(chunks).toString())
    if (body === undefined) return fail(response, 400, 'invalid_request_error', 'the body is no valid JSON')
    const received: ReceivedRequest = { at: Date.now(), body }
    requests.push(received)
    if (requests.length > (options.keep ?? Number.POSITIVE_INFINITY)) requests.shift()
    let step: Step
    try {
      received.body = readRequest(received.body)
      checkLength(received.body, options.contextWindow)
      step = script(received.body)
    } catch (error) {
      if (!(error instanceof Refused)) throw error
      received.refused = error.message
      return fail(response, 400, 'invalid_request_error', error.message)
    }
    const fault = dueFault(step.fault, received.body)
    if (step.waitMs) await wait(step.waitMs)
    if (fault?.kind === 'reset') return void request.socket.destroy()
    if (fault && fault.kind !== 'cut' && fault.kind !== 'silence') return failBy(response, fault)
    const prompt = cache.count(received.body)
    received.usage = { ...prompt, output_tokens: outputTokens(step) }
    await stream(response, received.body, step, received.usage, fault)
    received.tookMs = performance.now() - began
  }

  /** A fault strikes as often as it says, counted by the content of the request that it strikes. */
  function dueFault(fault: Fault | undefined, body: MessagesRequest): Fault | undefined {
    if (!fault) return undefined
    const key = createHash('sha256').update(JSON.stringify(body.messages)).digest('hex')
    const struck = faults.get(key) ?? 0
    faults.set(key, struck + 1)
    return struck < fault.times ? fault : undefined
  }

  await new Promise<void>((resolve, reject) => {
    server.once('error', reject)
    server.listen(options.port ?? 0, '127.0.0.1', resolve)
  })
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    requests,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve())
        server.closeAllConnections()
      }),
  }
}

/** @throws Refused as the real API refuses a prompt that is longer than the model's window */
function checkLength({ system, tools, messages }: MessagesRequest, window = Number.POSITIVE_INFINITY): void {
  const tokens = Math.ceil(JSON.stringify([system, tools, messages]).length / 4)
  if (tokens > window) throw new Refused(`prompt is too long: ${tokens} tokens > ${window} maximum`)
}

/** Half of a surrogate pair is no JSON for the real API. */
function parsed(json: string): MessagesRequest | undefined {
  try {
    const body = JSON.parse(json)
    // A pair that was written as two escapes is none any more.
    const isBroken = /\\ud/i.test(json) && /\\ud/.test(JSON.stringify(body).replaceAll('\\\\', ''))
    return isBroken ? undefined : body
  } catch {
    return undefined
  }
}

function fail(response: ServerResponse, status: number, type: string, message: string, headers = {}): void {
  response.writeHead(status, { 'content-type': 'application/json', ...headers })
  response.end(JSON.stringify({ type: 'error', error: { type, message: `[scripted] ${message}` } }))
}

function failBy(response: ServerResponse, { kind, retryAfterSeconds }: Fault): void {
  const headers = retryAfterSeconds === undefined ? {} : { 'retry-after': String(retryAfterSeconds) }
  const types: Record<string, string> = {
    '400': 'invalid_request_error',
    '401': 'authentication_error',
    '429': 'rate_limit_error',
    '500': 'api_error',
    '529': 'overloaded_error',
  }
  fail(response, Number(kind), types[kind] ?? 'api_error', `a fault on demand: ${kind}`, headers)
}

const outputTokens = ({ blocks }: Step) => Math.max(1, Math.ceil(JSON.stringify(blocks).length / 4))

/** Streams a reply as the real API does. A fault `cut` breaks it off in the middle, `silence` lets it hang. */
async function stream(
  response: ServerResponse,
  request: MessagesRequest,
  step: Step,
  usage: PromptTokens & { output_tokens: number },
  fault: Fault | undefined,
): Promise<void> {
  const send = (event: { type: string; [field: string]: unknown }) =>
    response.write(`event: ${event.type}\ndata: ${JSON.stringify(event)}\n\n`)
  response.writeHead(200, { 'content-type': 'text/event-stream', 'cache-control': 'no-cache' })
  const message = { id: `msg_${randomUUID()}`, type: 'message', role: 'assistant', model: request.model, content: [] }
  const cacheCreation = { ephemeral_5m_input_tokens: usage.cache_creation_input_tokens, ephemeral_1h_input_tokens: 0 }
  const start = { ...usage, output_tokens: 1, cache_creation: cacheCreation }
  send({ type: 'message_start', message: { ...message, stop_reason: null, stop_sequence: null, usage: start } })
  send({ type: 'ping' })
  if (fault?.kind === 'silence') return
  for (const [index, block] of step.blocks.entries()) {
    send({ type: 'content_block_start', index, content_block: opening(block) })
    for (const delta of deltas(block)) {
      if (response.destroyed) return
      send({ type: 'content_block_delta', index, delta })
      if (fault?.kind === 'cut') return void response.destroy()
      if (step.slowMs) await wait(step.slowMs)
    }
    send({ type: 'content_block_stop', index })
  }
  if (fault?.kind === 'cut') return void response.destroy()
  const usesTools = step.blocks.some((block) => block.type === 'tool_use')
  const reason = step.refuse ? 'refusal' : usesTools ? 'tool_use' : 'end_turn'
  const details = step.refuse ? { type: 'refusal', category: null, explanation: 'the script says so' } : null
  send({
    type: 'message_delta',
    delta: { stop_reason: reason, stop_sequence: null, stop_details: details },
    usage: { output_tokens: usage.output_tokens },
  })
  send({ type: 'message_stop' })
  response.end()
}

function opening(block: ReplyBlock) {
  if (block.type === 'text') return { type: 'text', text: '' }
  if (block.type === 'thinking') return { type: 'thinking', thinking: '', signature: '' }
  return { type: 'tool_use', id: `toolu_${randomUUID().replaceAll('-', '')}`, name: block.name, input: {} }
}

function* deltas(block: ReplyBlock): Generator<Record<string, string>> {
  if (block.type === 'text') {
    for (const text of pieces(block.text)) yield { type: 'text_delta', text }
  } else if (block.type === 'thinking') {
    for (const thinking of pieces(block.thinking)) yield { type: 'thinking_delta', thinking }
    yield { type: 'signature_delta', signature: sign(block.thinking) }
  } else {
    for (const partial_json of pieces(JSON.stringify(block.input))) yield { type: 'input_json_delta', partial_json }
  }
}

/** A word or so at a time; long texts in larger pieces. */
function pieces(text: string): string[] {
  const size = Math.max(12, Math.ceil(text.length / 200))
  return Array.from({ length: Math.ceil(text.length / size) }, (_, index) =>
    text.slice(index * size, (index + 1) * size),
  )
}
