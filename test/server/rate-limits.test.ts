import Anthropic from '@anthropic-ai/sdk'
import { describe, expect, it } from 'vitest'
import { ratesFor } from '../../cli/rates.ts'
import { TokenBucket } from '../../server/token-bucket.ts'
import { until } from '../support/until.ts'
import { ask, post, serve } from './serving.ts'

const none = { data: [], next_page: null }
const agents = { list: async () => none, create: async () => ({}) as never }
const files = { list: async () => none }

describe('a bucket of tokens', () => {
  it('gives so many at once, then one after the other as it fills', () => {
    const bucket = new TokenBucket(60, 0)
    for (let taken = 0; taken < 60; taken++) expect(bucket.take(0)).toBe(0)
    expect(bucket.take(0)).toBe(1000)
    expect(bucket.take(400)).toBe(600)
    expect(bucket.take(1000)).toBe(0)
    expect(bucket.take(1000)).toBe(1000)
    for (let taken = 0; taken < 60; taken++) expect(bucket.take(1e9)).toBe(0)
    expect(bucket.take(1e9)).toBe(1000)
  })
})

describe('a key that asks too often', () => {
  it('gets a 429 that says when to come again, and nothing is done', async () => {
    let created = 0
    const counting = { ...agents, create: async () => ({ id: String(++created) }) as never }
    const { url } = await serve({ agents: counting }, { rates: { writesPerMinute: 2 } })
    const statuses = []
    for (let count = 0; count < 3; count++) statuses.push((await post(`${url}/v1/agents`, '{}')).status)
    expect(statuses).toEqual([200, 200, 429])
    const { status, headers, body } = await post(`${url}/v1/agents`, '{}')
    expect(status).toBe(429)
    expect(body.error.type).toBe('rate_limit_error')
    expect(body.error.message).toContain('2 requests a minute')
    expect(Number(headers.get('retry-after'))).toBeGreaterThan(0)
    expect(created).toBe(2)
  })

  it('has bounds of their own for reading, writing and files', async () => {
    const rates = { readsPerMinute: 1, writesPerMinute: 1, filesPerMinute: 1 }
    const { url } = await serve({ agents, files }, { rates })
    for (const expected of [200, 429]) {
      expect((await ask(`${url}/v1/agents`)).status).toBe(expected)
      expect((await post(`${url}/v1/agents`, '{}')).status).toBe(expected)
      expect((await ask(`${url}/v1/files`)).status).toBe(expected)
    }
    expect((await ask(`${url}/health`)).status).toBe(200)
  })

  it('does not use up what others have', async () => {
    const { url } = await serve({ agents }, { apiKeys: ['first', 'second'], rates: { readsPerMinute: 1 } })
    const as = (key: string) => ask(`${url}/v1/agents`, { headers: { 'x-api-key': key } })
    expect((await as('first')).status).toBe(200)
    expect((await as('first')).status).toBe(429)
    expect((await as('second')).status).toBe(200)
    expect((await as('third')).status).toBe(401)
  })

  it('is waited for by the official SDK', async () => {
    const { url } = await serve({ agents }, { rates: { readsPerMinute: 120 } })
    const client = new Anthropic({ baseURL: url, apiKey: 'any', maxRetries: 5 })
    await Promise.all(Array.from({ length: 121 }, () => client.beta.agents.list()))
  })
})

describe('a server that has enough to do', () => {
  it('turns away what is more, and takes the next when something is done', async () => {
    const first = Promise.withResolvers<typeof none>()
    let begun = 0
    const slow = { list: () => (++begun === 1 ? first.promise : Promise.resolve(none)) }
    const { url } = await serve({ agents: slow }, { rates: { underWay: 1 } })
    const waiting = ask(`${url}/v1/agents`)
    await until(() => begun === 1)
    const refused = await ask(`${url}/v1/agents`)
    expect(refused.status).toBe(429)
    expect(refused.headers.get('retry-after')).toBe('1')
    first.resolve(none)
    expect((await waiting).status).toBe(200)
    await until(async () => (await ask(`${url}/v1/agents`)).status === 200)
  })
})

describe('the configured bounds', () => {
  it('are none on loopback, the usual ones elsewhere, and can be taken away', () => {
    expect(ratesFor({}, '127.0.0.1')).toEqual({})
    expect(ratesFor({ readsPerMinute: 5 }, '::1')).toEqual({ readsPerMinute: 5 })
    expect(ratesFor({ writesPerMinute: false }, '0.0.0.0')).toEqual({
      readsPerMinute: 1200,
      filesPerMinute: 500,
      underWay: 1000,
    })
  })
})
