import { promisify } from 'node:util'
import { brotliCompress, deflate, gzip, gzipSync } from 'node:zlib'
import { describe, expect, it } from 'vitest'
import { until } from '../support/until.ts'
import { ask, connect, lastAnswer, post, serve } from './serving.ts'

const megabyte = 1024 * 1024

/** A server that answers with the body that the library got. */
async function start(limits = {}) {
  const echo = async (...given: unknown[]) => ({ got: given.at(-1) }) as never
  const server = await serve({ agents: { create: echo, update: echo, archive: echo, retrieve: echo } }, { limits })
  return { ...server, agents: `${server.url}/v1/agents` }
}

describe('a JSON body', () => {
  it('reaches the library as it was sent', async () => {
    const { agents } = await start()
    const body = { name: 'Zoë \u2028 😀', deep: { list: [1, null, true] } }
    expect((await post(agents, JSON.stringify(body))).body.got).toEqual(body)
    expect((await post(agents, '{"a":1}', { 'content-type': 'Application/JSON; Charset="UTF-8"' })).body.got).toEqual({
      a: 1,
    })
  })

  it.each(['{', '{"a":}', 'hello', '{"a":1}}', '\u0000'])('is refused when it is not JSON: %j', async (text) => {
    const { agents } = await start()
    const { status, body } = await post(agents, text)
    expect(status).toBe(400)
    expect(body.error.type).toBe('invalid_request_error')
    expect(body.error.message).toContain('JSON')
  })

  it.each(['[]', '[{"name":"a"}]', '"text"', '1', 'true', 'null'])(
    'is refused when it is no object: %s',
    async (text) => {
      const { agents } = await start()
      const { status, body } = await post(agents, text)
      expect(status).toBe(400)
      expect(body.error.message).toContain('object')
    },
  )

  it('cannot reach the prototype of anything', async () => {
    const { agents } = await start()
    const { status } = await post(agents, '{"__proto__":{"polluted":true}}')
    expect(status).toBe(400)
    expect(({} as { polluted?: boolean }).polluted).toBeUndefined()
  })

  it('may have 32 MB and is refused with 413 when it is longer, also without a length', async () => {
    const { agents } = await start()
    const of = (bytes: number) => `{"a":"${'x'.repeat(bytes)}"}`
    expect((await post(agents, of(31 * megabyte))).status).toBe(200)
    const declared = await post(agents, of(33 * megabyte))
    expect(declared.status).toBe(413)
    expect(declared.body.error.type).toBe('request_too_large')
    const stream = new Blob([of(33 * megabyte)]).stream()
    const init = { method: 'POST', body: stream, duplex: 'half', headers: { 'content-type': 'application/json' } }
    const chunked = await ask(agents, init as RequestInit)
    expect(chunked.status).toBe(413)
    expect(chunked.body.error.type).toBe('request_too_large')
  })

  it('is refused when it has more values than a server wants to make, before one is made', async () => {
    const { agents } = await start({ requestValues: 4 })
    expect((await post(agents, '{"a":[1,{},"[,,,]"]}')).status).toBe(400)
    expect((await post(agents, '{"a":[1,"[,,,]"]}')).status).toBe(200)
    // Nobody has looked so far as to where it is no JSON.
    const { status, body } = await post(agents, '{"a":[1,2,3,4')
    expect(status).toBe(400)
    expect(body.error).toEqual({
      type: 'invalid_request_error',
      message: 'the body has more than 4 values: send less at once',
    })
  })

  it('may have more values than any agent needs', async () => {
    const { agents } = await start()
    const properties = Object.fromEntries(
      Array.from({ length: 120 }, (_, index) => [
        `field_${index}`,
        { type: 'string', description: 'A field', minLength: 1 },
      ]),
    )
    const tool = { type: 'custom', name: 'a', description: 'b', input_schema: { type: 'object', properties } }
    expect((await post(agents, JSON.stringify({ tools: Array(256).fill(tool) }))).status).toBe(200)
  })

  it('may be ISO-8859-1 or US-ASCII', async () => {
    const { agents } = await start()
    const latin = Buffer.from('{"name":"Zoë"}', 'latin1')
    expect((await post(agents, latin, { 'content-type': 'application/json; charset=iso-8859-1' })).body.got).toEqual({
      name: 'Zoë',
    })
    expect((await post(agents, '{"a":1}', { 'content-type': 'application/json; charset=US-ASCII' })).status).toBe(200)
  })

  it.each(['utf-16', 'windows-1252', 'constructor', ''])('is refused in another character set: %j', async (charset) => {
    const { agents } = await start()
    const { status, body } = await post(agents, '{}', { 'content-type': `application/json; charset=${charset}` })
    expect(status).toBe(400)
    expect(body.error.details).toEqual({ error_code: 'unsupported_charset' })
  })

  it.each(['text/plain', 'application/x-www-form-urlencoded', 'garbage', ''])(
    'is refused as another type: %j',
    async (type) => {
      const { agents } = await start()
      const { status, body } = await post(agents, Buffer.from('{"a":1}'), { 'content-type': type })
      expect(status).toBe(400)
      expect(body.error.message).toContain('application/json')
    },
  )
})

describe('a request without a body', () => {
  it.each(['application/json', 'text/plain', 'application/octet-stream', 'garbage', '', undefined])(
    'may have any content type: %j',
    async (type) => {
      const { agents } = await start()
      const headers = type === undefined ? undefined : { 'content-type': type }
      const { status, body } = await ask(`${agents}/agent_1/archive`, { method: 'POST', headers })
      expect(status).toBe(200)
      expect(body).toEqual({ got: 'agent_1' })
    },
  )

  it('counts as an empty object', async () => {
    const { agents } = await start()
    expect((await ask(agents, { method: 'POST' })).body).toEqual({ got: {} })
  })

  it('is what the official SDK sends to archive', async () => {
    const { client } = await start()
    expect(await client.beta.agents.archive('agent_1')).toEqual({ got: 'agent_1' })
  })
})

describe('an encoded body', () => {
  it.each([
    ['gzip', promisify(gzip)],
    ['deflate', promisify(deflate)],
    ['br', promisify(brotliCompress)],
    ['GZIP', promisify(gzip)],
    ['identity', async (text: string) => Buffer.from(text)],
  ])('is decoded: %s', async (encoding, encode) => {
    const { agents } = await start()
    const body = { name: 'a'.repeat(10_000) }
    const answer = await post(agents, new Uint8Array(await encode(JSON.stringify(body))), {
      'content-encoding': encoding,
    })
    expect(answer.body.got).toEqual(body)
  })

  it('is refused with 413 when it unfolds to more than a body may have', async () => {
    const { agents } = await start({ requestBytes: megabyte })
    const bomb = gzipSync(Buffer.alloc(100 * megabyte, ' '), { level: 1 })
    expect(bomb.length).toBeLessThan(megabyte)
    const { status, body } = await post(agents, bomb, { 'content-encoding': 'gzip' })
    expect(status).toBe(413)
    expect(body.error).toMatchObject({
      type: 'request_too_large',
      details: { error_code: 'request_body_too_large_after_decoding' },
    })
  })

  it('is not decoded further than a body may be long', async () => {
    const { agents } = await start({ requestBytes: megabyte })
    const bomb = gzipSync(Buffer.alloc(100 * megabyte, ' '), { level: 1 })
    // The end of it is damaged, which is only seen by who gets there.
    bomb.fill(0, bomb.length - 8)
    expect((await post(agents, bomb, { 'content-encoding': 'gzip' })).status).toBe(413)
  })

  it('is refused when it unfolds to millions of values', async () => {
    const { agents } = await start()
    const bomb = gzipSync(`{"a":[${'[],'.repeat(10_500_000)}[]]}`, { level: 1 })
    const { status, body } = await post(agents, bomb, { 'content-encoding': 'gzip' })
    expect(status).toBe(400)
    expect(body.error.message).toContain('250000 values')
  })

  it.each([
    ['garbage', () => Buffer.from('{"a":1}')],
    ['cut off', () => gzipSync('{"a":"bcdefghijk"}').subarray(0, -9)],
    ['damaged', () => gzipSync(JSON.stringify({ a: 'b'.repeat(1000) })).fill(7, 12, 20)],
  ])('is refused when it is broken: %s', async (_what, make) => {
    const { agents } = await start()
    const { status, body } = await post(agents, new Uint8Array(make()), { 'content-encoding': 'gzip' })
    expect(status).toBe(400)
    expect(body.error.details).toEqual({ error_code: 'request_body_encoding_invalid' })
  })

  it.each(['zstd', 'gzip, br', 'constructor'])('is refused in another encoding: %s', async (encoding) => {
    const { agents } = await start()
    const { status, body } = await post(agents, '{}', { 'content-encoding': encoding })
    expect(status).toBe(400)
    expect(body.error.details).toEqual({ error_code: 'request_body_encoding_unsupported' })
  })

  it('is refused without harm also where nobody reads it', async () => {
    const { url, agents } = await start({ bodyPauseMs: 50 })
    const head = 'content-encoding: gzip\r\ncontent-length: 7\r\n\r\n{"a":1}'
    await connect(url, `GET /v1/agents/agent_1 HTTP/1.1\r\nhost: x\r\n${head}`)
    await connect(url, `POST /v1/agents HTTP/1.1\r\nhost: x\r\n${head}`)
    await connect(url, `POST /nothing HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\n${head}`)
    expect((await ask(`${agents}/agent_1`)).status).toBe(200)
  })
})

describe('a body that stops coming', () => {
  const head = 'host: x\r\ncontent-type: application/json\r\ncontent-length: 100\r\n'

  it.each([
    ['plain', ''],
    ['encoded', 'content-encoding: gzip\r\n'],
  ])('is given up after the pause: %s', async (_what, more) => {
    const { url } = await start({ bodyPauseMs: 100 })
    const connection = await connect(url, `POST /v1/agents HTTP/1.1\r\n${head}${more}\r\n{`)
    await until(() => connection.text().endsWith('}'))
    const { status, body } = lastAnswer(connection.text())
    expect(status).toBe(400)
    expect(body.error.details).toEqual({ error_code: 'request_body_timeout' })
  })

  it('loses its connection when the rest does not come either', async () => {
    const { url } = await start({ bodyPauseMs: 50, discardMs: 50 })
    const { closed } = await connect(url, `POST /v1/agents HTTP/1.1\r\n${head}\r\n{`)
    await closed
  })

  it('is not given up while it comes, however slowly', async () => {
    const { url } = await start({ bodyPauseMs: 400 })
    const text = '{"a":"0123456789"}'
    const connection = await connect(
      url,
      `POST /v1/agents HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: ${text.length}\r\n\r\n`,
    )
    // Together longer than the pause.
    for (const character of text) {
      await new Promise((resolve) => setTimeout(resolve, 40))
      connection.socket.write(character)
    }
    await until(() => connection.text().endsWith('}'))
    expect(lastAnswer(connection.text())).toMatchObject({ status: 200, body: { got: { a: '0123456789' } } })
  })

  it('harms nobody where no body is read', async () => {
    const { url, agents } = await start({ bodyPauseMs: 20, discardMs: 50 })
    const { closed, text } = await connect(url, `GET /v1/agents/agent_1 HTTP/1.1\r\n${head}\r\n`)
    await closed
    expect(lastAnswer(text()).status).toBe(200)
    expect((await ask(`${agents}/agent_1`)).status).toBe(200)
  })
})
