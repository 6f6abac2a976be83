import { randomBytes } from 'node:crypto'
import { describe, expect, it } from 'vitest'
import { until } from '../support/until.ts'
import { ask, connect, lastAnswer, serve } from './serving.ts'

/** A server, and a connection to it that is in use all the time. */
async function start() {
  const held = Promise.withResolvers<void>()
  const server = await serve({
    agents: {
      retrieve: async (id) => {
        if (id === 'agent_held') await held.promise
        return { id } as never
      },
    },
  })
  const other = ask(`${server.url}/v1/agents/agent_held`)
  return {
    ...server,
    /** Holds when neither the other connection nor the server has been harmed. */
    unharmed: async () => {
      held.resolve()
      expect((await other).body).toEqual({ id: 'agent_held' })
      expect((await ask(`${server.url}/v1/agents/agent_1`)).status).toBe(200)
    },
  }
}

describe('what is no HTTP', () => {
  it.each([
    ['text', 'hello\r\n\r\n'],
    ['a wrong version', 'GET / HTTP/9.9\r\n\r\n'],
    ['a header without a name', 'GET / HTTP/1.1\r\nhost: x\r\n: y\r\n\r\n'],
    ['two lengths', 'POST /v1/agents HTTP/1.1\r\nhost: x\r\ncontent-length: 1\r\ncontent-length: 2\r\n\r\n{}'],
    ['a length and chunks', 'POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 1\r\ntransfer-encoding: chunked\r\n\r\n{}'],
  ])('is answered in the envelope, and the connection closed: %s', async (_what, text) => {
    const { url, unharmed } = await start()
    const connection = await connect(url, text)
    await connection.closed
    const { status, headers, body } = lastAnswer(connection.text())
    expect(status).toBe(400)
    expect(body).toMatchObject({ type: 'error', error: { type: 'invalid_request_error' } })
    expect(body.request_id).toBe(headers.get('request-id'))
    await unharmed()
  })

  it('is closed also when it is binary, endless or the beginning of TLS', async () => {
    const { url, unharmed } = await start()
    const noise = await connect(url)
    noise.socket.write(Buffer.concat([Buffer.from([0x16, 3, 1, 2, 0]), randomBytes(200_000)]))
    await noise.closed
    await unharmed()
  })

  it('is not written into an answer that is under way', async () => {
    const { url, unharmed } = await start()
    const connection = await connect(url, 'GET /v1/agents/agent_held HTTP/1.1\r\nhost: x\r\n\r\n')
    connection.socket.write('garbage\r\n\r\n')
    await connection.closed
    expect(connection.text()).toBe('')
    await unharmed()
  })
})

describe('headers that are too long', () => {
  it.each([
    ['one of 100 kB', `x: ${'y'.repeat(100_000)}\r\n`],
    ['many', Array.from({ length: 20_000 }, (_, index) => `x-${index}: y\r\n`).join('')],
  ])('are answered with 431: %s', async (_what, headers) => {
    const { url, unharmed } = await start()
    const connection = await connect(url, `GET /health HTTP/1.1\r\nhost: x\r\n${headers}\r\n`)
    await connection.closed
    expect(connection.text()).toMatch(/^HTTP\/1\.1 431 /)
    expect(lastAnswer(connection.text()).body.error.type).toBe('invalid_request_error')
    await unharmed()
  })

  it('are answered without a body when a head was asked for', async () => {
    const { url, unharmed } = await start()
    const connection = await connect(url, `HEAD /health HTTP/1.1\r\nhost: x\r\nx: ${'y'.repeat(20_000)}\r\n\r\n`)
    await connection.closed
    expect(connection.text()).toMatch(/^HTTP\/1\.1 431 [\s\S]*\r\n\r\n$/)
    await unharmed()
  })

  it('are answered like any unknown path when they are in the path', async () => {
    const { url, unharmed } = await start()
    const { status, body } = await ask(`${url}/v1/agents/${'x'.repeat(5000)}`)
    expect([400, 404, 414]).toContain(status)
    expect(body.type).toBe('error')
    await unharmed()
  })
})

describe('headers that do not come', () => {
  it('are waited for only so long', async () => {
    const { url } = await serve({}, { limits: { headersMs: 100 } })
    const connection = await connect(url, 'GET /health HTTP/1.1\r\nhost: x\r\n')
    await connection.closed
    expect(lastAnswer(connection.text()).status).toBe(408)
  })
})

describe('a connection', () => {
  it('serves one request after the other', async () => {
    const { url } = await serve()
    const request = 'GET /health HTTP/1.1\r\nhost: x\r\n\r\n'
    const connection = await connect(url, request + request)
    await until(() => connection.text().split('{"status":"ok"}').length === 3)
    connection.socket.write(request)
    await until(() => connection.text().split('{"status":"ok"}').length === 4)
  })

  it('still serves after a request was refused whose body nobody wanted', async () => {
    const { url } = await serve({}, { apiKeys: ['key'] })
    const body = 'x'.repeat(300_000)
    const connection = await connect(
      url,
      `POST /v1/agents HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: ${body.length}\r\n\r\n`,
    )
    await until(() => connection.text().includes('401 Unauthorized'))
    connection.socket.write(`${body}GET /health HTTP/1.1\r\nhost: x\r\n\r\n`)
    await until(() => connection.text().endsWith('{"status":"ok"}'))
  })
})

describe('closing the server', () => {
  it('lets requests under way end', async () => {
    const held = Promise.withResolvers<void>()
    const asked = Promise.withResolvers<void>()
    const retrieve = async (id: string) => {
      asked.resolve()
      await held.promise
      return { id } as never
    }
    const server = await serve({ agents: { retrieve } })
    const answer = ask(`${server.url}/v1/agents/agent_1`)
    await asked.promise
    const closed = server.close()
    held.resolve()
    expect((await answer).body).toEqual({ id: 'agent_1' })
    await closed
    await expect(ask(`${server.url}/health`)).rejects.toThrow()
  })

  it('does not wait for ever', async () => {
    const asked = Promise.withResolvers<void>()
    const retrieve = () => {
      asked.resolve()
      return new Promise<never>(() => {})
    }
    const server = await serve({ agents: { retrieve } }, { limits: { closeMs: 50 } })
    const answer = expect(ask(`${server.url}/v1/agents/agent_1`)).rejects.toThrow()
    await asked.promise
    await server.close()
    await answer
  })
})
