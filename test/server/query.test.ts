import { describe, expect, it } from 'vitest'
import { ask, serve } from './serving.ts'

/** A server whose lists answer with the parameters that the library got. */
async function start() {
  const echo = async (...given: unknown[]) => ({ data: [given], next_page: null }) as never
  const sessions = { list: echo, events: { list: echo } }
  const server = await serve({ agents: { list: echo, retrieve: echo }, files: { list: echo }, sessions })
  return {
    ...server,
    read: async (path: string) => {
      const { body } = await ask(`${server.url}/v1/${path}`)
      return body.data ? body.data[0].at(-1) : body
    },
  }
}

describe('the query of a request', () => {
  it('has lists in both forms, with brackets as they are or encoded', async () => {
    const { read } = await start()
    for (const query of [
      'statuses[]=idle&statuses[]=running',
      'statuses%5B%5D=idle&statuses%5b%5d=running',
      'statuses=idle&statuses=running',
    ]) {
      expect(await read(`sessions?${query}`)).toEqual({ statuses: ['idle', 'running'] })
    }
    expect(await read('files?ids[]=file_1')).toEqual({ ids: ['file_1'] })
  })

  it('has bounds', async () => {
    const { read } = await start()
    expect(await read('sessions?created_at[gte]=2026-01-01T00:00:00Z&created_at%5Blt%5D=2027-01-01')).toEqual({
      created_at: { gte: '2026-01-01T00:00:00Z', lt: '2027-01-01' },
    })
  })

  it('has numbers and booleans', async () => {
    const { read } = await start()
    expect(await read('sessions?limit=5&agent_version=2&include_archived=true&order=asc&page=a%2Bb')).toEqual({
      limit: 5,
      agent_version: 2,
      include_archived: true,
      order: 'asc',
      page: 'a+b',
    })
    expect(await read('agents?limit=-1&include_archived=false')).toEqual({ limit: -1, include_archived: false })
  })

  it.each(['limit=ten', 'limit=', 'limit=1.5', 'limit=1e3', 'limit=0x10', 'limit=99999999999999999999', 'limit=%20'])(
    'is refused for a number that is none: %s',
    async (query) => {
      const { url } = await start()
      const { status, body } = await ask(`${url}/v1/agents?${query}`)
      expect(status).toBe(400)
      expect(body.error).toMatchObject({ type: 'invalid_request_error', message: expect.stringMatching(/^limit: /) })
    },
  )

  it.each(['include_archived=yes', 'include_archived=1', 'include_archived=', 'include_archived=TRUE'])(
    'is refused for a boolean that is none: %s',
    async (query) => {
      const { url } = await start()
      const { status, body } = await ask(`${url}/v1/agents?${query}`)
      expect(status).toBe(400)
      expect(body.error.message).toMatch(/^include_archived: /)
    },
  )

  it('may have what no endpoint knows, such as beta=true', async () => {
    const { read } = await start()
    expect(await read('agents?beta=true&limit=1&__proto__[x]=1')).toEqual({ limit: 1 })
  })

  it('is the one that the official SDK sends', async () => {
    const { client } = await start()
    const page = await client.beta.sessions.events.list('sesn_1', {
      types: ['user.message', 'agent.message'],
      'created_at[gte]': '2026-01-01T00:00:00+02:00',
      limit: 3,
      order: 'desc',
    })
    expect((page.data[0] as unknown as unknown[])[1]).toEqual({
      types: ['user.message', 'agent.message'],
      created_at: { gte: '2026-01-01T00:00:00+02:00' },
      limit: 3,
      order: 'desc',
    })
  })
})

describe('a page', () => {
  it('passes through as the library gives it', async () => {
    const page = { data: [{ id: 'sesn_1' }], next_page: 'page_2', prev_page: null }
    const { url } = await serve({ sessions: { list: async () => page as never } })
    expect((await ask(`${url}/v1/sessions`)).body).toEqual(page)
  })

  it('is followed by the official SDK up to the last one', async () => {
    const asked: unknown[] = []
    const { client } = await serve({
      agents: {
        list: async (params) => {
          asked.push(params)
          const next = ({ a: 'b', b: null } as Record<string, string | null>)[params?.page ?? '']
          return {
            data: next === null ? [{ id: 'agent_2' }] : [{ id: 'agent_1' }],
            next_page: next === undefined ? 'a' : next,
          } as never
        },
      },
    })
    const ids: string[] = []
    for await (const agent of client.beta.agents.list({ limit: 1 })) ids.push(agent.id)
    expect(ids).toEqual(['agent_1', 'agent_1', 'agent_2'])
    expect(asked).toEqual([{ limit: 1 }, { limit: 1, page: 'a' }, { limit: 1, page: 'b' }])
  })
})

describe('an idempotency key', () => {
  const start = async () => {
    const seen: unknown[] = []
    const create = async (_params: unknown, options: unknown) => seen.push(options) as never
    const send = async (_id: string, _params: unknown, options: unknown) => seen.push(options) as never
    return {
      seen,
      ...(await serve({
        sessions: {
          create: async (...of) => ({ n: await create(...of) }) as never,
          events: { send: async (...of) => ({ n: await send(...of) }) as never },
        },
      })),
    }
  }
  it('is passed on with a new session and with events', async () => {
    const { seen, client } = await start()
    await client.beta.sessions.create(
      { agent: 'agent_1', environment_id: 'env_1' },
      { headers: { 'idempotency-key': 'one' } },
    )
    await client.beta.sessions.events.send('sesn_1', { events: [] }, { headers: { 'Idempotency-Key': 'two' } })
    expect(seen).toEqual([{ idempotencyKey: 'one' }, { idempotencyKey: 'two' }])
  })

  it('is not needed by the official SDK to say that it repeats a request by itself', async () => {
    const { seen, client } = await start()
    const headers = { 'x-stainless-retry-count': '1' }
    await client.beta.sessions.events.send('sesn_1', { events: [] }, { headers })
    expect(seen).toEqual([{ isRepeated: true }])
  })

  it('need not be there', async () => {
    const { seen, url } = await start()
    await ask(`${url}/v1/sessions`, { method: 'POST', body: '{}', headers: { 'content-type': 'application/json' } })
    expect(seen).toEqual([{}])
  })
})
