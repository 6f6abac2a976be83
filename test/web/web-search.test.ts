import { createServer, type IncomingMessage } from 'node:http'
import type { AddressInfo } from 'node:net'
import { text } from 'node:stream/consumers'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { openSearch, type SearchSetting } from '../../activities/web/search/open-search.ts'
import { converse, lastText } from '../support/conversation.ts'
import { startTestHost, type TestHost } from '../support/host.ts'

let seen: { request: IncomingMessage; body: string }[] = []
let answer: { status: number; body: string } = { status: 200, body: '{}' }
let url: string
const server = createServer(async (request, response) => {
  seen.push({ request, body: await text(request) })
  response.writeHead(answer.status, { 'content-type': 'application/json' }).end(answer.body)
})
beforeAll(async () => {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
})
afterAll(() => {
  server.closeAllConnections()
  server.close()
})
beforeEach(() => {
  seen = []
})
const says = (body: object) => {
  answer = { status: 200, body: JSON.stringify(body) }
}
const signal = new AbortController().signal
const open = (setting: SearchSetting) => openSearch(setting, { KEY: 'the-key' })

describe('a search provider', () => {
  it('SearXNG is asked for JSON, with domains in the query', async () => {
    says({
      results: [
        { title: 'T', url: 'https://a.example/', content: 'about', publishedDate: '2026-01-02' },
        { url: 'https://b.example/' },
      ],
    })
    const hits = await open({ provider: 'searxng', url }).search({
      text: 'tea',
      allowed_domains: ['a.example', 'b.example'],
      signal,
    })
    expect(hits).toEqual([
      { title: 'T', url: 'https://a.example/', snippet: 'about', age: '2026-01-02' },
      { title: '', url: 'https://b.example/', snippet: '' },
    ])
    const asked = new URL(seen[0]!.request.url!, url)
    expect(Object.fromEntries(asked.searchParams)).toEqual({
      q: 'tea (site:a.example OR site:b.example)',
      format: 'json',
    })
  })

  it('Brave has the key in a header, and the country of the user', async () => {
    says({ web: { results: [{ title: 'T', url: 'https://a.example/', description: 'd', age: '2 days ago' }] } })
    const hits = await open({ provider: 'brave', key: 'KEY', url }).search({
      text: 'tea',
      userLocation: { type: 'approximate', country: 'NO' },
      signal,
    })
    expect(hits).toEqual([{ title: 'T', url: 'https://a.example/', snippet: 'd', age: '2 days ago' }])
    expect(seen[0]!.request.headers['x-subscription-token']).toBe('the-key')
    expect(seen[0]!.request.url).toContain('country=NO')
  })

  it('Tavily has it in another, and takes domains', async () => {
    says({ results: [{ title: 'T', url: 'https://a.example/', content: 'c' }] })
    const hits = await open({ provider: 'tavily', key: 'KEY', url }).search({
      text: 'tea',
      allowed_domains: ['a.example/x'],
      signal,
    })
    expect(hits).toEqual([{ title: 'T', url: 'https://a.example/', snippet: 'c' }])
    expect(seen[0]!.request.headers.authorization).toBe('Bearer the-key')
    expect(JSON.parse(seen[0]!.body)).toMatchObject({ query: 'tea', include_domains: ['a.example'] })
  })

  it('that fails says so without its key or address', async () => {
    const search = () => open({ provider: 'brave', key: 'KEY', url }).search({ text: 'tea', signal })
    answer = { status: 401, body: 'the-key' }
    await expect(search()).rejects.toThrow(/^the search provider answered 401$/)
    answer = { status: 200, body: 'no json' }
    await expect(search()).rejects.toThrow('what is not understood')
    const gone = open({ provider: 'searxng', url: 'http://127.0.0.1:1' })
    await expect(gone.search({ text: 'tea', signal })).rejects.toThrow(
      /^the search provider cannot be reached \(\w+\)$/,
    )
    expect(() => openSearch({ provider: 'brave', key: 'NONE' }, {})).toThrow(
      'web.search.key: the environment variable NONE',
    )
  })
})

describe('web_search in a session', () => {
  let host: TestHost
  beforeAll(async () => {
    host = await startTestHost({
      config: { web: { search: { provider: 'brave', key: 'SEARCH_KEY', url } } },
      env: { SEARCH_KEY: 'k' },
    })
  })
  afterAll(() => host?.remove())

  it('gives hits, without those of domains that are not wanted, and is counted', async () => {
    const hit = (host: string) => ({
      title: `At ${host}`,
      url: `https://${host}/`,
      description: '<strong>x</strong>  y',
    })
    says({ web: { results: [hit('good.example'), hit('bad.example'), hit('www.bad.example')] } })
    const tools = [
      {
        type: 'agent_toolset_20260401' as const,
        configs: [{ name: 'web_search' as const, blocked_domains: ['bad.example'] }],
      },
    ]
    const agent = await host.client.beta.agents.create({
      name: 'Finder',
      model: 'claude-opus-5',
      tools: tools as never,
    })
    const session = await host.client.beta.sessions.create({ agent: agent.id, environment_id: host.environment })
    const events = await converse(host.client, session.id, '#tool web_search {"query":"tea"}\n#say {{last}}')
    expect(lastText(events)).toContain('1. At good.example\n   https://good.example/\n   x y')
    expect(lastText(events)).not.toContain('bad.example')
    const { usage } = await host.client.beta.sessions.retrieve(session.id)
    expect(usage.server_tool_use).toEqual({ web_fetch_requests: 0, web_search_requests: 1 })
  })
})

describe('without a provider', () => {
  it('an agent that names it is refused, clearly', async () => {
    const host = await startTestHost()
    try {
      const configs = [{ name: 'web_search' as const }]
      const tools = [{ type: 'agent_toolset_20260401' as const, configs }]
      const refused = { status: 400, message: expect.stringContaining('tools.0: web_search without a search provider') }
      const create = host.client.beta.agents.create({ name: 'Finder', model: 'claude-opus-5', tools })
      await expect(create).rejects.toMatchObject(refused)
      await expect(host.client.beta.agents.update(host.agent, { version: 1, tools })).rejects.toMatchObject(refused)
      const agent = { type: 'agent_with_overrides' as const, id: host.agent, tools }
      await expect(
        host.client.beta.sessions.create({ agent, environment_id: host.environment } as never),
      ).rejects.toMatchObject(refused)
      expect((await host.client.beta.agents.retrieve(host.agent)).version).toBe(1)
    } finally {
      await host.remove()
    }
  })
})
