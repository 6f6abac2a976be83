import Anthropic from '@anthropic-ai/sdk'
import { describe, expect, it } from 'vitest'
import { ApiError, conflict, notFound } from '../../protocol/errors.ts'
import { StorageFull, StorageUnavailable } from '../../store/blobs.ts'
import { sdkRefusal } from '../support/sdk-refusal.ts'
import { ask, post, serve } from './serving.ts'

/** The answer to a request whose call of the library fails with the error. */
async function answerTo(error: unknown) {
  const { url, log } = await serve({ agents: { retrieve: () => Promise.reject(error) } })
  return { ...(await ask(`${url}/v1/agents/agent_1`)), log }
}

const grpcError = (code: number) =>
  Object.assign(new Error(`${code} SECRET address`), { code, details: 'SECRET address', metadata: {} })

describe('every answer', () => {
  it('has a request id of its own, which an error repeats in its body', async () => {
    const { url } = await serve({ agents: { list: async () => ({ data: [], next_page: null }) } })
    const answers = [
      await ask(`${url}/health`),
      await ask(`${url}/v1/agents`),
      await ask(`${url}/v1/agents/agent_1`),
      await ask(`${url}/nothing`),
      await ask(`${url}/v1/agents/%ff`),
      await ask(`${url}/v1/agents?limit=x`),
      await post(`${url}/v1/agents`, '{'),
    ]
    const ids = answers.map(({ headers }) => headers.get('request-id'))
    for (const id of ids) expect(id).toMatch(/^req_\w{20,}$/)
    expect(new Set(ids).size).toBe(answers.length)
    expect(answers.map(({ status }) => status)).toEqual([200, 200, 500, 404, 400, 400, 400])
    for (const { body, headers } of answers.slice(2)) {
      expect(body).toMatchObject({ type: 'error', request_id: headers.get('request-id') })
    }
  })
})

describe('an error of the API', () => {
  it('is answered with its status, type, message, details and further fields', async () => {
    const error = new ApiError(409, 'memory_path_conflict_error', 'taken', {
      code: 'path_taken',
      details: { path: '/a' },
      fields: { conflicting_memory_id: 'mem_1' },
      cause: new Error('SECRET'),
    })
    const { status, headers, body } = await answerTo(error)
    expect(status).toBe(409)
    expect(headers.get('content-type')).toMatch(/^application\/json/)
    expect(body).toEqual({
      type: 'error',
      error: {
        type: 'memory_path_conflict_error',
        message: 'taken',
        conflicting_memory_id: 'mem_1',
        details: { error_code: 'path_taken', path: '/a' },
      },
      request_id: headers.get('request-id'),
    })
  })

  it('says that a conflict is not to be tried again', async () => {
    const { headers } = await answerTo(conflict('no'))
    expect(headers.get('x-should-retry')).toBe('false')
    expect(headers.has('retry-after')).toBe(false)
  })

  it('says when to try again', async () => {
    const { status, headers } = await answerTo(
      new ApiError(429, 'rate_limit_error', 'slowly', { retryAfterSeconds: 7, shouldRetry: true }),
    )
    expect(status).toBe(429)
    expect(headers.get('retry-after')).toBe('7')
    expect(headers.get('x-should-retry')).toBe('true')
  })

  it('says nothing about retries when it knows nothing', async () => {
    const { headers } = await answerTo(notFound('agent', 'agent_1'))
    expect(headers.has('x-should-retry')).toBe(false)
    expect(headers.has('retry-after')).toBe(false)
  })

  it('is raised by the official SDK as its own class, with the request id', async () => {
    const { client } = await serve({ agents: { retrieve: () => Promise.reject(notFound('agent', 'agent_1')) } })
    const raised = await client.beta.agents.retrieve('agent_1').catch((error) => error)
    expect(raised).toBeInstanceOf(Anthropic.NotFoundError)
    expect(raised.requestID).toMatch(/^req_/)
    expect(raised.message).toContain('agent agent_1 was not found')
  })

  it('is tried again by the official SDK when it is temporary', async () => {
    let calls = 0
    const { url } = await serve({
      agents: {
        retrieve: async () => {
          if (++calls === 1) throw grpcError(14)
          return { id: 'agent_1' } as never
        },
      },
    })
    const client = new Anthropic({ baseURL: url, apiKey: 'any', maxRetries: 1 })
    expect(await client.beta.agents.retrieve('agent_1')).toEqual({ id: 'agent_1' })
    expect(calls).toBe(2)
  })
})

describe('an endpoint that the API has and this version does not', () => {
  it('is refused as that, by every method and with any body', async () => {
    const { url, client } = await serve()
    const refusals = [client.beta.environments.work.list('env_1')]
    for (const refusal of await Promise.all(refusals.map(sdkRefusal))) {
      expect(refusal).toMatchObject({ status: 400, code: 'not_supported' })
    }
    expect((await ask(`${url}/v1/deployment_sets`)).status).toBe(404)
  })
})

describe('an error that is not meant for clients', () => {
  it.each([
    ['an Error', new Error('SECRET')],
    ['an error with a status of its own', Object.assign(new Error('SECRET'), { statusCode: 418 })],
    ['a text', 'SECRET'],
    ['nothing at all', undefined],
  ])('is a 500 without its text: %s', async (_what, error) => {
    const { status, body, headers, log } = await answerTo(error)
    expect(status).toBe(500)
    expect(body.error.type).toBe('api_error')
    expect(JSON.stringify(body)).not.toContain('SECRET')
    expect(log.length).toBe(1)
    expect(log[0]).toContain(headers.get('request-id'))
  })

  it('is in the log with its causes, in one line', async () => {
    const { log } = await answerTo(new Error('outer\nfailure', { cause: new Error('inner failure') }))
    expect(log.length).toBe(1)
    expect(log[0]).toMatch(/outer.*failure.*inner failure/)
    expect(log[0]).not.toContain('\n')
  })
})

describe('a failure of Temporal', () => {
  it.each([4, 8, 14])('is a 503 when it is temporary: gRPC status %i', async (code) => {
    const { status, headers, body } = await answerTo(grpcError(code))
    expect(status).toBe(503)
    expect(headers.get('retry-after')).toBe('1')
    expect(headers.get('x-should-retry')).not.toBe('false')
    expect(JSON.stringify(body)).not.toContain('SECRET')
  })

  it('says that what was not answered may be done all the same, and how it is repeated', async () => {
    const { body } = await answerTo(grpcError(4))
    expect(body.error.message).toMatch(/may be done.*Idempotency-Key/)
    expect((await answerTo(grpcError(14))).body.error.message).not.toContain('may be done')
  })

  it('is a 503 also when the client of Temporal has wrapped it', async () => {
    const { status } = await answerTo(new Error('SECRET', { cause: grpcError(14) }))
    expect(status).toBe(503)
  })

  it('is a 500 when it is not temporary', async () => {
    const { status, body } = await answerTo(grpcError(3))
    expect(status).toBe(500)
    expect(JSON.stringify(body)).not.toContain('SECRET')
  })
})

describe('a full disk', () => {
  it('is a 503 that is not tried again and does not name the folder', async () => {
    const { status, headers, body } = await answerTo(new StorageFull('/SECRET/data'))
    expect(status).toBe(503)
    expect(headers.get('x-should-retry')).toBe('false')
    expect(body.error).toMatchObject({ type: 'api_error', details: { error_code: 'storage_full' } })
    expect(JSON.stringify(body)).not.toContain('SECRET')
  })
})

describe('a bucket that is away', () => {
  it('is a 503 that is tried again and does not name it', async () => {
    const { status, headers, body } = await answerTo(
      new StorageUnavailable('SECRET bucket', { reason: 'ECONNREFUSED' }),
    )
    expect(status).toBe(503)
    expect(headers.get('x-should-retry')).toBeNull()
    expect(headers.get('retry-after')).toBe('1')
    expect(body.error).toMatchObject({ type: 'api_error', details: { error_code: 'storage_unavailable' } })
    expect(JSON.stringify(body)).not.toContain('SECRET')
  })
})

describe('what the API does not have', () => {
  it.each([
    ['GET', '/'],
    ['GET', '/v1'],
    ['GET', '/v1/models'],
    ['PUT', '/v1/agents/agent_1'],
    ['PATCH', '/v1/sessions/sesn_1'],
    ['DELETE', '/v1/agents/agent_1'],
    ['POST', '/v1/sessions/sesn_1/events/stream'],
    ['OPTIONS', '/v1/agents'],
  ])('is a 404 in the envelope: %s %s', async (method, path) => {
    const { url } = await serve()
    const { status, body } = await ask(`${url}${path}?key=SECRET`, { method })
    expect(status).toBe(404)
    expect(body.error.type).toBe('not_found_error')
    expect(body.error.message).toContain(`${method} ${path}`)
    expect(body.error.message).not.toContain('SECRET')
  })
})
