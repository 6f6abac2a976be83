import { createServer, type RequestListener } from 'node:http'
import type { AddressInfo } from 'node:net'
import { describe, expect, it, onTestFinished } from 'vitest'
import { longestBody } from '../../activities/container/keeper/injected-request.ts'
import { ask, openGateway, secured, tlsOrigin, tunnelTo } from './support.ts'

const placeholder = 'secret_0123456789abcdef'
const secret = 'the-real-value'
const injection = { placeholder, secret, hosts: ['127.0.0.2'], header: true, body: true }

const echo: RequestListener = async (request, response) => {
  let body = ''
  for await (const chunk of request) body += chunk
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

  it('leaves what is not TLS on such a host alone', async () => {
    const port = await httpOrigin(echo)
    const { socketPath } = await openGateway({ injections: [injection], ...loopback })
    const { socket } = await tunnelTo(socketPath, `127.0.0.2:${port}`)
    const { text } = await ask(socket, '/plain', { headers: { host: 'x', 'x-key': placeholder } })
    expect(JSON.parse(text).headers['x-key']).toBe(placeholder)
  })
})
