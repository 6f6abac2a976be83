import { createServer, type IncomingMessage, type RequestListener } from 'node:http'
import type { AddressInfo } from 'node:net'
import { PassThrough } from 'node:stream'
import { describe, expect, it, onTestFinished } from 'vitest'
import { injected, longestBody } from '../../activities/container/keeper/injected-request.ts'
import { until } from '../support/until.ts'
import { ask, openGateway, secured, tlsOrigin, tunnelTo } from './support.ts'

const placeholder = 'secret_0123456789abcdef'
const secret = 'the-real-value'
const injection = { placeholder, secret, hosts: ['127.0.0.2'], header: true, body: true }

/** Of a type that comes back as it is, so that the tests see what the server saw. */
const echo: RequestListener = async (request, response) => {
  let body = ''
  for await (const chunk of request) body += chunk
  response.setHeader('content-type', 'application/octet-stream')
  response.end(JSON.stringify({ url: request.url, headers: request.headers, body }))
}

const loopback = { allowPrivate: ['127.0.0.0/8'] }

async function httpOrigin(listener: RequestListener): Promise<number> {
  const server = createServer(listener)
  await new Promise<void>((resolve) => server.listen(0, '0.0.0.0', resolve))
  onTestFinished(() => {
    server.closeAllConnections()
    server.close()
  })
  return (server.address() as AddressInfo).port
}

describe('a secret', () => {
  it('takes the place of its placeholder in the headers and the body of a request over TLS, on a kept connection too', async () => {
    const port = await tlsOrigin('127.0.0.2', echo)
    const { gateway, socketPath } = await openGateway({ injections: [injection], ...loopback })
    const { socket, said } = await tunnelTo(socketPath, `127.0.0.2:${port}`)
    expect(said).toContain(' 200 ')
    const tls = await secured(socket, '127.0.0.2', gateway.certificate!)
    const headers = { host: `127.0.0.2:${port}`, connection: 'keep-alive', authorization: `Bearer ${placeholder}` }
    const json = { ...headers, 'content-type': 'application/json' }
    const first = await ask(tls, `/a/../b?q=${placeholder}`, {
      method: 'POST',
      headers: json,
      body: `{"k":"${placeholder}"}`,
    })
    const seen = JSON.parse(first.text)
    expect(seen).toMatchObject({ body: `{"k":"${secret}"}`, headers: { authorization: `Bearer ${secret}` } })
    expect(seen.headers['content-length']).toBe(`${seen.body.length}`)
    // Places that the API does not name, and the path as it was sent.
    expect(seen.url).toBe(`/a/../b?q=${placeholder}`)
    const second = await ask(tls, '/again', {
      method: 'POST',
      headers,
      body: [Buffer.from(placeholder.slice(0, 9)), Buffer.from(placeholder.slice(9))],
    })
    expect(JSON.parse(second.text)).toMatchObject({ url: '/again', body: secret })
    const third = await ask(tls, '/get', { headers })
    expect(JSON.parse(third.text).headers).not.toHaveProperty('content-length')
  })

  it('is not put into a body that is too long to look through, which arrives all the same', async () => {
    const port = await tlsOrigin('127.0.0.2', echo)
    const { gateway, socketPath } = await openGateway({ injections: [injection], ...loopback })
    for (const body of [
      'x'.repeat(longestBody) + placeholder,
      [Buffer.alloc(longestBody, 'x'), Buffer.from(placeholder)],
    ]) {
      const { socket } = await tunnelTo(socketPath, `127.0.0.2:${port}`)
      const tls = await secured(socket, '127.0.0.2', gateway.certificate!)
      const { text } = await ask(tls, '/', { method: 'PUT', headers: { host: `127.0.0.2:${port}` }, body })
      expect(JSON.parse(text).body).toBe('x'.repeat(longestBody) + placeholder)
    }
  })

  it('is looked for in a body that nobody reads on when its sender goes', async () => {
    const sent = new PassThrough()
    sent.write(Buffer.alloc(longestBody + 1))
    const { body } = await injected(sent as unknown as IncomingMessage, {}, [injection])
    // As long as nobody has begun to read it, nobody else hears of its end.
    const closed = new Promise((resolve) => body!.once('close', resolve))
    sent.destroy(new Error('the container has gone'))
    await closed
  })

  it('goes to its own hosts only: another is tunnelled as it is', async () => {
    const port = await tlsOrigin('127.0.0.1', echo)
    const { gateway, socketPath } = await openGateway({ injections: [injection], ...loopback })
    const { socket } = await tunnelTo(socketPath, `127.0.0.1:${port}`)
    await expect(secured(socket, '127.0.0.1', gateway.certificate!)).rejects.toThrow()
  })

  it('goes to no other host behind the same address', async () => {
    const port = await tlsOrigin('127.0.0.2', echo)
    const { gateway, socketPath } = await openGateway({ injections: [injection], ...loopback })
    const { socket } = await tunnelTo(socketPath, `127.0.0.2:${port}`)
    const tls = await secured(socket, '127.0.0.2', gateway.certificate!)
    const { status, text } = await ask(tls, '/', { headers: { host: 'evil.example', authorization: placeholder } })
    expect([status, text]).toEqual([421, expect.stringContaining('evil.example')])
  })

  it('goes to no server whose certificate is not trusted, or for another host', async () => {
    let asked = 0
    const listener: RequestListener = (_, response) => {
      asked++
      response.end()
    }
    const origins = [
      { port: await tlsOrigin('127.0.0.2', listener, { isTrusted: false }), reason: /certificate/ },
      { port: await tlsOrigin('127.0.0.3', listener), reason: /does not match certificate/ },
      { port: await httpOrigin(listener), reason: /SSL|TLS|EPROTO|hang up/ },
    ]
    const { gateway, socketPath } = await openGateway({ injections: [injection], ...loopback })
    for (const { port, reason } of origins) {
      const { socket } = await tunnelTo(socketPath, `127.0.0.2:${port}`)
      const tls = await secured(socket, '127.0.0.2', gateway.certificate!)
      const { status, text } = await ask(tls, '/', {
        headers: { host: `127.0.0.2:${port}`, authorization: placeholder },
      })
      expect(status).toBe(502)
      expect(text).toMatch(reason)
      expect(text).not.toContain(secret)
    }
    expect(asked).toBe(0)
  })

  it('goes out in clear text to private hosts that were opened, by the proxy', async () => {
    const port = await httpOrigin(echo)
    const { socketPath } = await openGateway({ injections: [injection], ...loopback })
    const { connect } = await import('node:net')
    const headers = { host: 'ignored.example', 'x-key': placeholder }
    const own = await ask(connect(socketPath), `http://127.0.0.2:${port}/`, { headers })
    expect(JSON.parse(own.text).headers).toMatchObject({ 'x-key': secret, host: `127.0.0.2:${port}` })
    const other = await ask(connect(socketPath), `http://127.0.0.3:${port}/`, { headers })
    expect(JSON.parse(other.text).headers['x-key']).toBe(placeholder)
  })

  it('is the new one with the next request, on the same connection, and none when it was taken away', async () => {
    const port = await tlsOrigin('127.0.0.2', echo)
    const { gateway, socketPath } = await openGateway({ injections: [injection], ...loopback })
    const { socket } = await tunnelTo(socketPath, `127.0.0.2:${port}`)
    const tls = await secured(socket, '127.0.0.2', gateway.certificate!)
    const headers = { host: `127.0.0.2:${port}`, connection: 'keep-alive', 'x-key': placeholder }
    const seen = async () => JSON.parse((await ask(tls, '/', { headers })).text).headers['x-key']
    expect(await seen()).toBe(secret)
    gateway.policy = { ...gateway.policy, injections: [{ ...injection, secret: 'rotated' }] }
    expect(await seen()).toBe('rotated')
    gateway.policy = { ...gateway.policy, injections: [] }
    expect(await seen()).toBe(placeholder)
  })

  it('is asked for on a new connection when the server has closed a kept one', async () => {
    let asked = 0
    const port = await tlsOrigin('127.0.0.2', (request, response) => {
      asked++
      if (request.url === '/first') response.end('first')
      else request.socket.destroy()
    })
    const { gateway, socketPath } = await openGateway({ injections: [injection], ...loopback })
    const { socket } = await tunnelTo(socketPath, `127.0.0.2:${port}`)
    const tls = await secured(socket, '127.0.0.2', gateway.certificate!)
    const headers = { host: `127.0.0.2:${port}`, connection: 'keep-alive' }
    expect(await ask(tls, '/first', { headers })).toMatchObject({ status: 200, text: 'first' })
    await expect(ask(tls, '/second', { headers })).rejects.toMatchObject({ code: 'ECONNRESET' })
    expect(asked).toBe(2)
  })

  it('leaves what is not TLS on such a host alone', async () => {
    const port = await httpOrigin(echo)
    const { socketPath } = await openGateway({ injections: [injection], ...loopback })
    const { socket } = await tunnelTo(socketPath, `127.0.0.2:${port}`)
    const { text } = await ask(socket, '/plain', { headers: { host: 'x', 'x-key': placeholder } })
    expect(JSON.parse(text).headers['x-key']).toBe(placeholder)
  })
})

describe('an answer to a request that may hold a secret', () => {
  it('has the placeholder where the server repeats the secret: in headers, texts and Basic credentials', async () => {
    const port = await tlsOrigin('127.0.0.2', async (request, response) => {
      let body = ''
      for await (const chunk of request) body += chunk
      response.setHeader('location', `/next?key=${body}`)
      response.end(JSON.stringify({ body, headers: request.headers }))
    })
    const { gateway, socketPath } = await openGateway({ injections: [injection], ...loopback })
    const { socket } = await tunnelTo(socketPath, `127.0.0.2:${port}`)
    const tls = await secured(socket, '127.0.0.2', gateway.certificate!)
    const basic = (password: string) => `Basic ${Buffer.from(`me:${password}`).toString('base64')}`
    const headers = { host: `127.0.0.2:${port}`, authorization: basic(placeholder), 'x-key': placeholder }
    const answer = await ask(tls, '/', { method: 'POST', headers, body: placeholder })
    expect(answer.headers.location).toBe(`/next?key=${placeholder}`)
    expect(JSON.parse(answer.text)).toMatchObject({
      body: placeholder,
      headers: { authorization: basic(placeholder), 'x-key': placeholder },
    })
    expect(answer.text).not.toContain(basic(secret))
  })

  it('is as it was, with its length, when it is no text', async () => {
    const bytes = Buffer.from(`\0${secret}\xff`, 'latin1')
    const port = await tlsOrigin('127.0.0.2', (_, response) => {
      response.writeHead(200, { 'content-type': 'application/octet-stream', 'content-length': bytes.length }).end(bytes)
    })
    const { gateway, socketPath } = await openGateway({ injections: [injection], ...loopback })
    const { socket } = await tunnelTo(socketPath, `127.0.0.2:${port}`)
    const tls = await secured(socket, '127.0.0.2', gateway.certificate!)
    const { headers, text } = await ask(tls, '/', { headers: { host: `127.0.0.2:${port}` } })
    expect([headers['content-length'], text]).toEqual([`${bytes.length}`, bytes.toString()])
  })

  it('arrives piece by piece', async () => {
    const next = Promise.withResolvers<void>()
    const port = await tlsOrigin('127.0.0.2', async (_, response) => {
      response.writeHead(200, { 'content-type': 'text/event-stream' }).write('data: one\n\n')
      await next.promise
      response.end('data: two\n\n')
    })
    const { gateway, socketPath } = await openGateway({ injections: [injection], ...loopback })
    const { socket } = await tunnelTo(socketPath, `127.0.0.2:${port}`)
    const tls = await secured(socket, '127.0.0.2', gateway.certificate!)
    tls.write(`GET / HTTP/1.1\r\nhost: 127.0.0.2:${port}\r\n\r\n`)
    let seen = ''
    for await (const chunk of tls) {
      seen += chunk
      if (seen.includes('data: one')) next.resolve()
      if (seen.includes('data: two')) break
    }
    expect(seen).toContain('data: one')
  })
})

describe('a web socket', () => {
  const asking = (port: number) =>
    `GET /socket HTTP/1.1\r\nhost: 127.0.0.2:${port}\r\nconnection: Upgrade\r\nupgrade: websocket\r\n` +
    `sec-websocket-key: abc\r\nauthorization: Bearer ${placeholder}\r\n\r\nfirst`

  async function opened(port: number) {
    const { gateway, socketPath } = await openGateway({ injections: [injection], ...loopback })
    const { socket } = await tunnelTo(socketPath, `127.0.0.2:${port}`)
    const tls = await secured(socket, '127.0.0.2', gateway.certificate!)
    tls.write(asking(port))
    return { gateway, tls }
  }

  it('is opened with the secret, and what is said then is left alone', async () => {
    let authorization: string | undefined
    const port = await tlsOrigin('127.0.0.2', echo, {
      upgrade: (request, socket) => {
        authorization = request.headers.authorization
        socket.on('error', () => {})
        socket.write('HTTP/1.1 101 Switching Protocols\r\nconnection: Upgrade\r\nupgrade: websocket\r\n\r\n')
        socket.pipe(socket)
      },
    })
    const { gateway, tls } = await opened(port)
    let seen = ''
    for await (const chunk of tls) {
      seen += chunk
      if (seen.endsWith('first')) tls.write(placeholder)
      if (seen.endsWith(placeholder)) break
    }
    expect(authorization).toBe(`Bearer ${secret}`)
    expect(seen).toMatch(/^HTTP\/1.1 101 Switching Protocols\r\n[\s\S]*\r\n\r\nfirstsecret_/)
    await gateway.close()
  })

  it('ends when its host is not allowed any more', async () => {
    let ended = false
    const port = await tlsOrigin('127.0.0.2', echo, {
      upgrade: (_, socket) => {
        socket.resume().on('error', () => {})
        socket.on('close', () => {
          ended = true
        })
        socket.write('HTTP/1.1 101 Switching Protocols\r\nconnection: Upgrade\r\nupgrade: websocket\r\n\r\nhello')
      },
    })
    const { gateway, tls } = await opened(port)
    tls.on('error', () => {})
    let seen = ''
    tls.on('data', (chunk) => {
      seen += chunk
    })
    await until(async () => seen.endsWith('hello'))
    gateway.policy = { ...gateway.policy, mode: 'limited', allowedHosts: ['127.0.0.3'] }
    await until(async () => ended)
  })

  it('that the server refuses is an answer like any other', async () => {
    const port = await tlsOrigin('127.0.0.2', (request, response) => {
      response.writeHead(401, { 'x-seen': request.headers.authorization }).end(`no: ${request.headers.authorization}`)
    })
    const { tls } = await opened(port)
    let seen = ''
    for await (const chunk of tls) seen += chunk
    expect(seen).toMatch(/^HTTP\/1.1 401 Unauthorized\r\n/)
    expect(seen).toContain(`\r\n\r\nno: Bearer ${placeholder}`)
    expect(seen).not.toContain(secret)
  })

  it.each(['050', '101'])('that the server answers with status %s is refused', async (status) => {
    const port = await tlsOrigin('127.0.0.2', echo, {
      upgrade: (_, socket) => {
        socket.on('error', () => {})
        socket.end(`HTTP/1.1 ${status} Odd\r\ncontent-length: 1\r\n\r\nx`)
      },
    })
    const { tls } = await opened(port)
    let seen = ''
    for await (const chunk of tls) seen += chunk
    expect(seen).toMatch(/^HTTP\/1.1 502 Bad Gateway\r\n/)
  })
})
