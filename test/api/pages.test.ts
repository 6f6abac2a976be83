import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { Session } from '../../client/session.ts'
import { primaryThreadId } from '../../protocol/ids.ts'
import type { Page } from '../../protocol/pagination.ts'
import { listed, message } from '../support/conversation.ts'
import { startTestHost, type TestHost } from '../support/host.ts'
import { refusal } from '../support/refusal.ts'
import { until } from '../support/until.ts'

let host: TestHost
beforeAll(async () => {
  host = await startTestHost({ config: { session: { rollOverEvents: 50 } } })
})
afterAll(() => host?.remove())

const newSession = (resources: object[] = []) =>
  host.holdfast.sessions.create({ agent: host.agent, environment_id: host.environment, resources: resources as never })

/** A session that is at work until it is interrupted. */
async function busy() {
  const session = host.holdfast.session((await newSession()).id)
  await session.send('#wait 600000\n#say never')
  await until(async () =>
    (await listed(host.client, session.id)).some(({ type }) => type === 'span.model_request_start'),
  )
  return session
}

describe('a page of nothing but waiting events', () => {
  const types = ['user.message']
  const texts = ['#say one', '#say two', '#say three']
  const say = (events: object[]) => events.map((event) => JSON.stringify((event as { content?: unknown }).content))
  const all = texts.map((text) => JSON.stringify(message(text).content))

  it.each(['asc', 'desc'] as const)('goes on with the others when they are processed (%s)', async (order) => {
    const { events } = host.holdfast.sessions
    const session = await busy()
    const before = await events.list(session.id, { order: 'asc' })
    await queue(session)
    const first = await events.list(session.id, {
      order,
      limit: 1,
      ...(order === 'asc' && { page: await pageBehind(session.id, before.data.length) }),
    })
    expect(first.data).toMatchObject([{ type: 'user.message', processed_at: null }])
    await session.interrupt()
    await session.untilIdle()
    const rest = []
    for (let page = first.next_page; page; ) {
      const next = await events.list(session.id, { order, page, limit: 2 })
      rest.push(...next.data)
      page = next.next_page
    }
    const whole = (await events.list(session.id, { order })).data
    const shown = say([...first.data, ...rest].filter(({ type }) => types.includes(type)))
    expect(order === 'asc' ? shown : shown.slice(0, 3)).toEqual(order === 'asc' ? all : all.toReversed())
    const ids = [...first.data, ...rest].map(({ id }) => id)
    expect(new Set(ids).size).toBe(ids.length)
    expect(ids.at(-1)).toBe(whole.at(-1)!.id)
  })

  it('shows each of them once while they wait, one after the other are processed, and the session rolls over', async () => {
    const { events } = host.holdfast.sessions
    const session = await busy()
    await queue(session)
    const seen: string[] = []
    let page = await pageBehind(session.id, (await listed(host.client, session.id)).length - texts.length)
    for (let count = 0; count < 2; count++) {
      const next = await events.list(session.id, { page, limit: 1 })
      seen.push(...say(next.data))
      page = next.next_page!
    }
    await session.interrupt()
    await session.untilIdle()
    for (let turn = 0; turn < 8; turn++) await session.run(`#bash echo ${turn}\n#say turn`)
    expect((await host.holdfast.runtime.logs.get(session.id).newest()).run).toBeGreaterThan(0)
    const behind = []
    for (let next: string | null = page; next; ) {
      const part: Page<{ content?: unknown; type: string; id: string }> = await events.list(session.id, { page: next })
      behind.push(...part.data)
      next = part.next_page
    }
    seen.push(...say(behind.filter(({ type }) => type === 'user.message').slice(0, 1)))
    expect(seen).toEqual(all)
    expect(behind.at(-1)!.id).toBe((await listed(host.client, session.id)).at(-1)!.id)
  })

  /** Sends the texts, and waits until the log shows that they wait. */
  async function queue(session: Session) {
    for (const text of texts) await session.send(text)
    await until(async () => {
      const all = await listed(host.client, session.id)
      return all.filter((event) => 'processed_at' in event && event.processed_at === null).length === texts.length
    })
  }

  /** The cursor of the page behind the first events of a log. */
  async function pageBehind(sessionId: string, count: number) {
    return (await host.holdfast.sessions.events.list(sessionId, { limit: count })).next_page!
  }
})

describe('a list', () => {
  type List = (of: string, params?: object) => Promise<Page<unknown>>
  interface Kind {
    /** Each with at least two entries in the list. */
    parents?: () => Promise<[string, string]>
    list: List
  }
  const named = (entry: unknown) => (entry as { id: string }).id
  const twice = async (make: () => Promise<string>): Promise<[string, string]> => [await make(), await make()]
  const api = () => host.holdfast
  const upload = () => api().files.upload({ file: { filename: 'a.txt', content: Buffer.from('a') } } as never)
  const withEvents = async () => {
    const { id } = await newSession()
    await host.holdfast.session(id).run('#say one')
    return id
  }
  const withMemories = async () => {
    const { id } = await api().memoryStores.create({ name: 'Notes' })
    for (const path of ['/a', '/b']) await api().memoryStores.memories.create(id, { path, content: 'x' })
    return id
  }
  const kinds: Record<string, Kind> = {
    agents: { list: (_, params) => api().agents.list(params) },
    environments: { list: (_, params) => api().environments.list(params) },
    files: { list: (_, params) => api().files.list(params) },
    'memory stores': { list: (_, params) => api().memoryStores.list(params) },
    sessions: { list: (_, params) => api().sessions.list(params) },
    vaults: { list: (_, params) => api().vaults.list(params) },
    threads: { parents: () => twice(withEvents), list: (id, params) => api().sessions.threads.list(id, params) },
    events: { parents: () => twice(withEvents), list: (id, params) => api().sessions.events.list(id, params) },
    'events of a thread': {
      parents: () => twice(withEvents),
      list: (id, params) => api().sessions.threads.events.list(primaryThreadId(id), { session_id: id, ...params }),
    },
    resources: {
      parents: () =>
        twice(async () => {
          const mounted = [await upload(), await upload()].map(({ id }, index) => ({
            type: 'file',
            file_id: id,
            mount_path: `/data/${index}`,
          }))
          return (await newSession(mounted)).id
        }),
      list: (id, params) => api().sessions.resources.list(id, params),
    },
    memories: {
      parents: () => twice(withMemories),
      list: (id, params) => api().memoryStores.memories.list(id, params),
    },
    'memory versions': {
      parents: () => twice(withMemories),
      list: (id, params) => api().memoryStores.memoryVersions.list(id, params),
    },
    'agent versions': {
      parents: () =>
        twice(async () => {
          const { id } = await api().agents.create({ name: 'A', model: 'claude-opus-5' })
          await api().agents.update(id, { name: 'B' })
          return id
        }),
      list: (id, params) => api().agents.versions.list(id, params),
    },
    credentials: {
      parents: () =>
        twice(async () => {
          const { id } = await api().vaults.create({ display_name: 'Mine' })
          for (const number of [1, 2]) {
            const mcp_server_url = `https://mcp${number}.example.com/`
            const auth = { type: 'static_bearer' as const, mcp_server_url, token: 'secret' }
            await api().vaults.credentials.create(id, { auth })
          }
          return id
        }),
      list: (id, params) => api().vaults.credentials.list(id, params),
    },
  }

  it.each(Object.entries(kinds))(
    'of %s begins with its first page at `page: null` and at an empty one',
    async (_, kind) => {
      const [id] = (await kind.parents?.()) ?? ['']
      const first = await kind.list(id, { limit: 1 })
      for (const page of [null, '']) {
        const again = await kind.list(id, { limit: 1, page })
        expect(again.next_page).toBe(first.next_page)
        expect(again.data.map(named)).toEqual(first.data.map(named))
      }
    },
  )

  it.each(Object.entries(kinds).filter(([name, { parents }]) => parents && name !== 'threads'))(
    'of %s takes no cursor of another',
    async (_, { parents, list }) => {
      const [one, other] = await parents!()
      const { next_page: page } = await list(one, { limit: 1 })
      expect((await list(one, { limit: 1, page })).data).toHaveLength(1)
      expect(await refusal(() => list(other, { limit: 1, page }))).toMatchObject({
        status: 400,
        message: 'page: not a cursor of this list',
      })
    },
  )

  it('over HTTP begins with its first page at an empty one, as the SDK sends a null', async () => {
    const { id } = await newSession()
    for (const path of [
      'agents',
      'sessions',
      `sessions/${id}/events`,
      `sessions/${id}/threads`,
      `sessions/${id}/resources`,
    ]) {
      const response = await fetch(`${host.url}/v1/${path}?page=`)
      expect(response.status, path).toBe(200)
    }
    expect((await host.client.beta.sessions.list({ page: null as never, limit: 1 })).data).toHaveLength(1)
  })

  it.each(['agent_id', 'deployment_id', 'memory_store_id'])(
    'of sessions has nothing for an empty %s',
    async (filter) => {
      await newSession()
      const response = await fetch(`${host.url}/v1/sessions?${filter}=`)
      expect(await response.json()).toMatchObject({ data: [] })
      expect((await api().sessions.list({ [filter]: '' })).data).toEqual([])
    },
  )

  it.each(['memory_id', 'session_id', 'api_key_id', 'service_account_id'])(
    'of memory versions has nothing for an empty %s',
    async (filter) => {
      expect((await api().memoryStores.memoryVersions.list(await withMemories(), { [filter]: '' })).data).toEqual([])
    },
  )
})
