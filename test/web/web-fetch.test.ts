import { createServer, type RequestListener } from 'node:http'
import type { AddressInfo } from 'node:net'
import { gzipSync } from 'node:zlib'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { WebTools } from '../../activities/web/web-tools.ts'
import type { SessionLogs } from '../../log/session-logs.ts'
import { createAgent, sessionAgent } from '../../protocol/agents.ts'
import type { RunToolInput } from '../../protocol/contract.ts'
import { converse, lastText, listed } from '../support/conversation.ts'
import { startTestHost, type TestHost } from '../support/host.ts'

const png = Buffer.from(
  'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==',
  'base64',
)
const html = `<!doctype html><html><head><title>Tea &amp; coffee</title><style>p{color:red}</style><script>alert(1)</script></head>
<body><nav>menu</nav><h1>Tea</h1><p>Is <b>good</b>, see <a href="/more?x=1">more</a>.</p><script>evil()</script></body></html>`

let port: number
let asked: string[] = []
const pages: Record<string, RequestListener> = {
  '/page': (_, response) => response.writeHead(200, { 'content-type': 'text/html; charset=utf-8' }).end(html),
  '/zipped': (_, response) =>
    response.writeHead(200, { 'content-type': 'text/plain', 'content-encoding': 'gzip' }).end(gzipSync('zipped text')),
  '/latin': (_, response) =>
    response
      .writeHead(200, { 'content-type': 'text/html' })
      .end(Buffer.from('<meta charset="iso-8859-1"><p>caf\xe9</p>', 'latin1')),
  '/json': (_, response) => response.writeHead(200, { 'content-type': 'application/json' }).end('{"a":1}'),
  '/image': (_, response) => response.writeHead(200, { 'content-type': 'application/octet-stream' }).end(png),
  '/pdf': (_, response) => response.writeHead(200, { 'content-type': 'application/pdf' }).end('%PDF-1.4 a document'),
  '/video': (_, response) => response.writeHead(200, { 'content-type': 'video/mp4' }).end(Buffer.alloc(64)),
  '/long': (_, response) => response.writeHead(200, { 'content-type': 'text/plain' }).end('word '.repeat(200_000)),
  '/endless': (_, response) => {
    response.writeHead(200, { 'content-type': 'text/plain' })
    const more = () => {
      while (!response.destroyed && response.write('x'.repeat(65_536))) {}
    }
    response.on('drain', more)
    more()
  },
  '/silent': () => {},
  '/missing': (_, response) => response.writeHead(404).end('nothing'),
  '/redirect': (_, response) => response.writeHead(302, { location: '/page' }).end(),
  '/loop': (_, response) => response.writeHead(302, { location: '/loop' }).end(),
  '/away': (_, response) => response.writeHead(302, { location: `http://127.0.0.3:${port}/page` }).end(),
  '/file': (_, response) => response.writeHead(302, { location: 'file:///etc/passwd' }).end(),
  '/named': (_, response) => response.writeHead(302, { location: `http://localhost.example:${port}/page` }).end(),
}
const server = createServer((request, response) => {
  asked.push(request.url!)
  const page = pages[new URL(request.url!, 'http://x').pathname]
  if (page) page(request, response)
  else response.writeHead(404).end()
})
beforeAll(async () => {
  await new Promise<void>((resolve) => server.listen(0, '0.0.0.0', resolve))
  port = (server.address() as AddressInfo).port
})
afterAll(() => {
  server.closeAllConnections()
  server.close()
})

const agentWith = (config: object = {}) =>
  sessionAgent(
    createAgent(
      {
        name: 'a',
        model: 'claude-opus-5',
        tools: [{ type: 'agent_toolset_20260401', configs: [{ name: 'web_fetch', ...config }] }],
      },
      new Date().toISOString(),
    ),
  )
const patient = new WebTools({ logs: {} as SessionLogs, allowPrivate: ['127.0.0.2'] })
const hasty = new WebTools({ logs: {} as SessionLogs, allowPrivate: ['127.0.0.2'], fetchMs: 1000 })
afterAll(() => Promise.all([patient.close(), hasty.close()]))

async function fetched(path: string, { config = {}, tools = patient, signal = new AbortController().signal } = {}) {
  const call = { name: 'web_fetch', input: { url: path.includes(':') ? path : `http://127.0.0.2:${port}${path}` } }
  const result = await tools.call('sesn_1', agentWith(config), call as unknown as RunToolInput, signal)
  const [first] = result.content
  return { ...result, text: first?.type === 'text' ? first.text : '' }
}

describe('web_fetch', () => {
  it('gives a page as Markdown with where it is from, without what is no text', async () => {
    const { text, is_error } = await fetched('/page')
    expect(is_error).toBe(false)
    expect(text).toMatch(/^Title: Tea & coffee\nURL: http:\/\/127\.0\.0\.2:\d+\/page\nRetrieved: 20/)
    expect(text).toContain(`# Tea\n\nIs **good**, see [more](http://127.0.0.2:${port}/more?x=1).`)
    expect(text).not.toMatch(/menu|alert|evil|color/)
  })

  it('reads what is compressed, in another charset, JSON, images and documents', async () => {
    expect((await fetched('/zipped')).text).toContain('zipped text')
    expect((await fetched('/latin')).text).toContain('café')
    expect((await fetched('/json')).text).toContain('{"a":1}')
    expect((await fetched('/image')).content[1]).toMatchObject({ type: 'image', source: { media_type: 'image/png' } })
    expect((await fetched('/pdf')).content[1]).toMatchObject({
      type: 'document',
      source: { media_type: 'application/pdf' },
    })
    expect(await fetched('/video')).toMatchObject({
      is_error: true,
      text: expect.stringContaining('unsupported_content_type'),
    })
  })

  it('is bounded: what is long is cut, what is endless is left, what is silent is given up', async () => {
    const long = await fetched('/long')
    expect(long.text).toHaveLength(100_000)
    expect(long.whole?.length).toBeGreaterThan(1_000_000)
    const bounded = await fetched('/long', { config: { max_content_tokens: 100 } })
    expect(bounded.text.length).toBeLessThan(700)
    expect(bounded.text).toMatch(/\[The page is longer; this is its beginning\.\]$/)
    expect(bounded.whole).toBeUndefined()
    expect((await fetched('/endless')).whole).toMatch(/\[The page is longer; this is its beginning\.\]$/)
    expect((await fetched('/silent', { tools: hasty })).text).toMatch(/^url_not_accessible: .* took too long/)
  })

  it('follows redirects within reason, never to where it must not go', async () => {
    expect((await fetched('/redirect')).text).toContain('/page\n')
    expect((await fetched('/loop')).text).toContain('redirects more than')
    asked = []
    for (const path of [
      '/away',
      '/file',
      'http://127.0.0.3:8081/',
      'http://[::1]:8081/',
      'http://2130706433/',
      'http://169.254.169.254/latest/',
    ]) {
      expect(await fetched(path), path).toMatchObject({
        is_error: true,
        text: expect.stringMatching(/^url_not_allowed/),
      })
    }
    expect(asked).toEqual(['/away', '/file'])
  })

  it('keeps to the domains of the agent, at every step', async () => {
    const config = { blocked_domains: ['localhost.example'] }
    expect((await fetched('/named', { config })).text).toMatch(/^url_not_allowed: localhost\.example/)
    expect(
      (await fetched('https://docs.blocked.example/', { config: { allowed_domains: ['example.org'] } })).text,
    ).toMatch(/^url_not_allowed/)
  })

  it('says what is wrong with its input, and with the answer', async () => {
    for (const url of [
      'ftp://a.example/:',
      'http://user:password@a.example/',
      'no url:',
      `http://a.example/${'x'.repeat(3000)}`,
    ]) {
      expect((await fetched(url)).text, url).toMatch(/^invalid_tool_input/)
    }
    expect((await fetched('/missing')).text).toMatch(/^url_not_accessible: .*\/missing answered 404/)
  })

  it('ends when it is interrupted', async () => {
    const stop = new AbortController()
    setTimeout(() => stop.abort(), 100)
    expect(await fetched('/silent', { signal: stop.signal })).toMatchObject({ is_error: true, outcome: 'interrupted' })
  })

  it('is not held up, nor is anybody else, by a page that is made to be slow', async () => {
    pages['/deep'] = (_, response) =>
      response.writeHead(200, { 'content-type': 'text/html' }).end(`${'<div>'.repeat(200_000)}deep`)
    let ticks = 0
    const timer = setInterval(() => ticks++, 20)
    const { is_error, text } = await fetched('/deep')
    clearInterval(timer)
    expect(is_error ? text : 'read').toMatch(/^read$|cannot be read/)
    expect(ticks).toBeGreaterThan(0)
  })

  // Searched from each of them on, this would take minutes.
  it('nor by one that never ends the tag of its title', async () => {
    pages['/titles'] = (_, response) =>
      response.writeHead(200, { 'content-type': 'text/html' }).end('<title'.repeat(100_000))
    expect((await fetched('/titles')).is_error).toBe(false)
  })
})

describe('in a session', () => {
  let host: TestHost
  beforeAll(async () => {
    host = await startTestHost({ config: { egress: { allowPrivate: ['127.0.0.2'] } } })
  })
  afterAll(() => host?.remove())

  const sessionWith = async (configs: object[] = []) => {
    const tools = [{ type: 'agent_toolset_20260401' as const, configs: configs as never }]
    const agent = await host.client.beta.agents.create({ name: 'Reader', model: 'claude-opus-5', tools })
    return host.client.beta.sessions.create({ agent: agent.id, environment_id: host.environment })
  }

  it('the model reads a page, and it is counted', async () => {
    const session = await sessionWith()
    const url = `http://127.0.0.2:${port}/page`
    const events = await converse(host.client, session.id, `#tool web_fetch {"url":"${url}"}\n#say {{last}}`)
    expect(lastText(events)).toContain('# Tea')
    const { usage } = await host.client.beta.sessions.retrieve(session.id)
    expect(usage.server_tool_use).toEqual({ web_fetch_requests: 1, web_search_requests: 0 })
    expect(host.model.requests.at(-1)!.body.tools?.map(({ name }) => name)).toContain('web_fetch')
    expect(host.model.requests.at(-1)!.body.tools?.map(({ name }) => name)).not.toContain('web_search')
  })

  it('its URL must come from the sources that are allowed, when there are such', async () => {
    const session = await sessionWith([
      {
        name: 'web_fetch',
        url_sources: { user_input: 'all', server_tool_results: 'none', client_tool_results: 'none' },
      },
    ])
    const fetch = (path: string) => `#tool web_fetch {"url":"http://127.0.0.2:${port}${path}"}`
    const refused = await converse(
      host.client,
      session.id,
      // Written so that no URL stands in the message itself.
      `#bash printf http:%s //127.0.0.2:${port}/json\n#tool web_fetch {"url":"\\u0068ttp://127.0.0.2:${port}/json"}\n#say {{last}}`,
    )
    expect(lastText(refused)).toMatch(/url_not_allowed/)
    expect(lastText(await converse(host.client, session.id, `${fetch('/json')}\n#say {{last}}`))).toContain('{"a":1}')
  })

  it('asks when it is told to, and is stopped by an interrupt', async () => {
    const session = await sessionWith([{ name: 'web_fetch', permission_policy: { type: 'always_ask' } }])
    const url = `http://127.0.0.2:${port}/silent`
    const asked = await converse(host.client, session.id, `#tool web_fetch {"url":"${url}"}\n#say {{last}}`)
    const id = asked.find((event) => event.type === 'agent.tool_use')!.id
    await host.client.beta.sessions.events.send(session.id, {
      events: [{ type: 'user.tool_confirmation', tool_use_id: id, result: 'allow' }],
    })
    await converse(host.client, session.id, [{ type: 'user.interrupt' }])
    const results = (await listed(host.client, session.id)).filter((event) => event.type === 'agent.tool_result')
    expect(results).toHaveLength(1)
  })

  it('goes on when its worker is killed: the page is just fetched again', async () => {
    const session = await sessionWith()
    let tries = 0
    pages['/slow'] = (_, response) => {
      tries++
      if (tries === 1) process.kill(host.workerPids[0]!, 'SIGKILL')
      else response.end('here')
    }
    const events = await converse(
      host.client,
      session.id,
      `#tool web_fetch {"url":"http://127.0.0.2:${port}/slow"}\n#say {{last}}`,
    )
    expect(lastText(events)).toContain('here')
    expect(tries).toBe(2)
  })
})
