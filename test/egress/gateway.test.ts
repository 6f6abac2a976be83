import { symlink } from 'node:fs/promises'
import { createServer, type IncomingHttpHeaders, type RequestListener, request } from 'node:http'
import { type AddressInfo, createServer as createTcpServer } from 'node:net'
import path from 'node:path'
import { describe, expect, it, onTestFinished } from 'vitest'
import { exchange } from '../../activities/container/keeper/exchange.ts'
import { Gateway, socketName } from '../../activities/container/keeper/gateway.ts'
import { temporaryFolder } from '../support/temporary-folder.ts'

async function origin(listener: RequestListener): Promise<string> {
  const server = createServer(listener)
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  onTestFinished(() => {
    server.closeAllConnections()
    server.close()
  })
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`
}

/** An origin that answers with these bytes. */
async function rawOrigin(answer: string): Promise<string> {
  const server = createTcpServer((socket) => {
    socket.on('error', () => {})
    socket.once('data', () => socket.end(answer, 'latin1'))
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  onTestFinished(() => void server.close())
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`
}

async function gateway(target: string, allowPrivate = ['127.0.0.1']) {
  // Longer than a socket's name may be.
  const root = await temporaryFolder()
  const folder = path.join(root, 'a-long-name-'.repeat(12))
  await symlink(folder, path.join(root, 'short'))
  const routes = [{ name: 'git', target, headers: { Authorization: 'Basic outside' }, methods: ['GET', 'POST'] }]
  const opened = await Gateway.open(
    folder,
    { mode: 'none', allowedHosts: [], routes, injections: [], allowPrivate },
    undefined,
  )
  onTestFinished(() => opened.close())
  const socketPath = path.join(root, 'short', socketName)
  const ask = (url: string, options: { method?: string; headers?: IncomingHttpHeaders; body?: string } = {}) =>
    new Promise<{ status: number; headers: IncomingHttpHeaders; text: string }>((resolve, reject) => {
      const { body, ...rest } = options
      const sent = request(
        { socketPath, path: url, ...rest, headers: { host: '127.0.0.1:3128', ...rest.headers } },
        async (response) => {
          let text = ''
          for await (const chunk of response) text += chunk
          resolve({ status: response.statusCode!, headers: response.headers, text })
        },
      )
      sent.on('error', reject)
      sent.end(body)
    })
  return { opened, ask, routes, socketPath }
}

const echo: RequestListener = (incoming, response) => {
  let body = ''
  incoming.on('data', (chunk) => {
    body += chunk
  })
  incoming.on('end', () =>
    response.end(JSON.stringify({ method: incoming.method, url: incoming.url, headers: incoming.headers, body })),
  )
}

describe('the gateway of a container', () => {
  it('passes requests to a route on with its headers in place of those from inside', async () => {
    const { ask } = await gateway(`${await origin(echo)}/team/repo`)
    const headers = { authorization: 'Basic inside', 'git-protocol': 'version=2', 'proxy-authorization': 'x' }
    const { status, text } = await ask('/route/git/git-upload-pack?a=b', { method: 'POST', headers, body: 'want' })
    expect(status).toBe(200)
    expect(JSON.parse(text)).toMatchObject({ method: 'POST', url: '/team/repo/git-upload-pack?a=b', body: 'want' })
    const seen = JSON.parse(text).headers
    expect(seen).toMatchObject({ authorization: 'Basic outside', 'git-protocol': 'version=2' })
    expect(seen).not.toHaveProperty('proxy-authorization')
    expect(seen.host).not.toContain('3128')
  })

  it('reaches nothing that is no route, with no other method', async () => {
    let asked = 0
    const base = await origin((_, response) => {
      asked++
      response.end()
    })
    const { ask } = await gateway(`${base}/team/repo`)
    for (const url of [
      '/',
      '/route/other/x',
      '/route/git/../secret',
      `${base}/team/repo`,
      '/route/git/%2e%2e/secret',
    ]) {
      expect((await ask(url)).status).toBe(403)
    }
    expect((await ask('/route/git/x', { method: 'DELETE' })).status).toBe(405)
    expect(asked).toBe(0)
  })

  it('leads moves within the target back to the route, and others out of it', async () => {
    const base = await origin((incoming, response) => {
      const to = incoming.url!.endsWith('within') ? `${base}/team/repo/new` : `${base}/team/repository`
      response.writeHead(301, { location: to }).end()
    })
    const { ask } = await gateway(`${base}/team/repo`)
    expect((await ask('/route/git/within')).headers.location).toBe('http://127.0.0.1:3128/route/git/new')
    expect((await ask('/route/git/out')).headers.location).toBe(`${base}/team/repository`)
  })

  it('refuses private addresses that are not listed, and says which setting would allow them', async () => {
    let asked = 0
    const base = await origin((_, response) => {
      asked++
      response.end()
    })
    for (const target of [base, base.replace('127.0.0.1', 'localhost')]) {
      const { ask } = await gateway(target, [])
      const { status, text } = await ask('/route/git/info/refs')
      expect([status, text]).toEqual([403, expect.stringContaining('egress.allowPrivate')])
    }
    expect(asked).toBe(0)
  })

  it('passes what only begins like a route on as any other request: by the policy, without the headers', async () => {
    const base = await origin(echo)
    const { ask, opened } = await gateway(`${base}/team/repo`)
    expect((await ask('/route/git-two/info/refs')).status).toBe(403)
    opened.policy = { ...opened.policy, mode: 'limited', allowedHosts: ['127.0.0.1'] }
    const { status, text } = await ask('/route/git-two/info/refs?service=x')
    expect(status).toBe(200)
    expect(JSON.parse(text).url).toBe('/team/repo-two/info/refs?service=x')
    expect(JSON.parse(text).headers).not.toHaveProperty('authorization')
    opened.policy = { ...opened.policy, allowedHosts: ['other.example'] }
    expect((await ask('/route/git-two/info/refs')).status).toBe(403)
  })

  it('goes by a new policy with the next request', async () => {
    const { ask, opened, routes } = await gateway(await origin(echo))
    opened.policy = { ...opened.policy, routes: [{ ...routes[0]!, headers: { authorization: 'Basic rotated' } }] }
    expect(JSON.parse((await ask('/route/git/x')).text).headers.authorization).toBe('Basic rotated')
    opened.policy = { ...opened.policy, routes: [] }
    expect((await ask('/route/git/x')).status).toBe(403)
  })

  it('ends the request to the server when the one inside is gone, and tells of a server that breaks off', async () => {
    const [begun, closed] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()]
    const base = await origin((incoming, response) => {
      if (incoming.url!.endsWith('cut')) return void response.destroy()
      response.on('close', () => closed.resolve())
      begun.resolve()
    })
    const { ask, socketPath } = await gateway(base)
    expect((await ask('/route/git/cut')).status).toBe(502)
    const hanging = request({ socketPath, path: '/route/git/hang' }).on('error', () => {})
    hanging.end()
    await begun.promise
    hanging.destroy()
    await closed.promise
  })

  // What Node lets a server say and refuses to say itself would be thrown where nobody catches it.
  it.each(['000', '050', '099', '101'])('answers 502 where a server answers %s, and goes on', async (status) => {
    const { ask } = await gateway(await rawOrigin(`HTTP/1.1 ${status} Odd\r\ncontent-length: 1\r\n\r\nx`))
    for (let times = 0; times < 2; times++) {
      const answer = await ask('/route/git/x')
      expect([answer.status, answer.text]).toEqual([502, expect.stringContaining(`status ${Number(status)}`)])
    }
  })

  it('answers 502 where a server changes the protocol, unasked', async () => {
    const head = 'HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: other\r\n\r\n'
    const { ask } = await gateway(await rawOrigin(`${head}hello`))
    expect((await ask('/route/git/x')).status).toBe(502)
  })

  it('begins nothing for a request whose sender has gone meanwhile', async () => {
    let asked = 0
    const base = await origin((_, response) => {
      asked++
      response.end()
    })
    const ended = Promise.withResolvers<void>()
    const inside = await origin(async (incoming, response) => {
      await new Promise((resolve) => response.once('close', resolve).destroy())
      const address = { address: '127.0.0.1', family: 4 as const }
      const port = Number(new URL(base).port)
      exchange(incoming, response, {
        ...{ protocol: 'http:', hostname: '127.0.0.1', port, path: '/', headers: {}, address },
      }).then(ended.resolve, ended.reject)
    })
    request(inside)
      .on('error', () => {})
      .end()
    await ended.promise
    expect(asked).toBe(0)
  })
})
