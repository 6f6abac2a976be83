import { describe, expect, it } from 'vitest'
import { ask, serve } from './serving.ts'

const keys = ['first-key', 'second-key']
const start = () => serve({ agents: { list: async () => ({ data: [], next_page: null }) } }, { apiKeys: keys })

describe('a server with keys', () => {
  it('takes each of them in either header', async () => {
    const { url } = await start()
    for (const key of keys) {
      for (const headers of [
        { 'x-api-key': key },
        { authorization: `Bearer ${key}` },
        { authorization: `bearer ${key}` },
        { 'x-api-key': 'wrong', authorization: `Bearer ${key}` },
      ]) {
        expect((await ask(`${url}/v1/agents`, { headers: headers as Record<string, string> })).status).toBe(200)
      }
    }
  })

  it('takes them from the official SDK', async () => {
    const { client } = await start()
    expect((await client.beta.agents.list()).data).toEqual([])
  })

  it.each([
    ['a wrong key', { 'x-api-key': 'third-key' }],
    ['a wrong token', { authorization: 'Bearer third-key' }],
    ['the beginning of a key', { 'x-api-key': 'first' }],
    ['another scheme', { authorization: 'Basic first-key' }],
    ['an empty key', { 'x-api-key': '' }],
    ['no key', {}],
  ])('refuses %s', async (_what, headers) => {
    const { url } = await start()
    const answer = await ask(`${url}/v1/agents`, { headers: headers as Record<string, string> })
    expect(answer.status).toBe(401)
    expect(answer.body.error.type).toBe('authentication_error')
    expect(JSON.stringify(answer.body)).not.toContain('third-key')
  })

  it('refuses before it reads a body', async () => {
    const { url } = await start()
    const answer = await ask(`${url}/v1/agents`, { method: 'POST', body: 'x'.repeat(5_000_000) })
    expect(answer.status).toBe(401)
  })

  it('answers /health without one, also with a query', async () => {
    const { url } = await start()
    expect((await ask(`${url}/health`)).body).toEqual({ status: 'ok' })
    expect((await ask(`${url}/health?probe=1`)).status).toBe(200)
    expect((await ask(`${url}/v1/health`)).status).toBe(401)
  })
})

describe('a server without keys', () => {
  it('asks for none and takes any', async () => {
    const { url } = await serve({ agents: { list: async () => ({ data: [], next_page: null }) } })
    expect((await ask(`${url}/v1/agents`)).status).toBe(200)
    expect((await ask(`${url}/v1/agents`, { headers: { 'x-api-key': 'any' } })).status).toBe(200)
  })
})
