import { type AddressInfo, connect, createServer, type Socket } from 'node:net'
import { describe, expect, it, onTestFinished } from 'vitest'
import { until } from '../support/until.ts'
import { openGateway, tunnelTo } from './support.ts'

async function origin(serve: (socket: Socket) => void, allowHalfOpen = false) {
  const sockets = new Set<Socket>()
  const server = createServer({ allowHalfOpen }, (socket) => {
    sockets.add(socket)
    socket.on('error', () => {})
    socket.on('close', () => sockets.delete(socket))
    serve(socket)
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  onTestFinished(() => {
    for (const socket of sockets) socket.destroy()
    server.close()
  })
  return { port: (server.address() as AddressInfo).port, sockets }
}

/** The other end has closed it. */
const gone = (socket: Socket) =>
  new Promise((resolve) => {
    socket.once('end', resolve)
    socket.once('close', resolve)
    socket.resume()
  })
const local = { mode: 'limited' as const, allowedHosts: ['127.0.0.1'], allowPrivate: ['127.0.0.1'] }

describe('a tunnel', () => {
  it('delivers everything after one side has said all that it has to say', async () => {
    const size = 8 * 1024 * 1024
    const { port } = await origin((socket) => {
      socket.resume()
      socket.on('end', () => socket.end(Buffer.alloc(size, 7)))
    }, true)
    const { socketPath } = await openGateway(local)
    const { socket } = await tunnelTo(socketPath, `127.0.0.1:${port}`)
    socket.end('a question')
    let received = 0
    for await (const chunk of socket) received += (chunk as Buffer).length
    expect(received).toBe(size)
  })

  it('takes no more from one side than the other takes', async () => {
    let sent = 0
    const { port } = await origin((socket) => {
      const more = () => {
        while (!socket.destroyed && sent < 256 * 1024 * 1024) {
          sent += 65_536
          if (!socket.write(Buffer.alloc(65_536))) return void socket.once('drain', more)
        }
      }
      more()
    })
    const { socketPath } = await openGateway(local)
    const { socket } = await tunnelTo(socketPath, `127.0.0.1:${port}`)
    socket.pause()
    let before = -1
    await until(async () => {
      const isStill = sent === before
      before = sent
      return isStill
    })
    expect(sent).toBeLessThan(64 * 1024 * 1024)
  })

  it('ends when the environment does not allow its host any more; one that is still allowed stays', async () => {
    const { port, sockets } = await origin((socket) => socket.pipe(socket))
    const { gateway, socketPath } = await openGateway({ ...local, allowedHosts: ['127.0.0.1', 'other.example'] })
    const { socket } = await tunnelTo(socketPath, `127.0.0.1:${port}`)
    gateway.policy = { ...gateway.policy, allowedHosts: ['127.0.0.1'] }
    socket.write('still')
    expect(await new Promise((resolve) => socket.once('data', (chunk) => resolve(chunk.toString())))).toBe('still')
    gateway.policy = { ...gateway.policy, allowedHosts: ['other.example'] }
    await gone(socket)
    await until(async () => sockets.size === 0)
    expect((await tunnelTo(socketPath, `127.0.0.1:${port}`)).said).toContain('403')
  })

  it('ends, and none is made, when the container is to have no network any more', async () => {
    const { port, sockets } = await origin((socket) => socket.resume())
    const { gateway, socketPath } = await openGateway({ ...local, mode: 'unrestricted' })
    const { socket } = await tunnelTo(socketPath, `127.0.0.1:${port}`)
    socket.resume()
    gateway.renew(undefined)
    await gone(socket)
    await until(async () => sockets.size === 0)
    expect((await tunnelTo(socketPath, `127.0.0.1:${port}`)).said).toContain('403')
  })

  it('to a host that may get a secret is not made for who has left before he spoke', async () => {
    let made = 0
    const { port } = await origin((socket) => {
      made++
      socket.pipe(socket)
    })
    const injection = { placeholder: 'secret_x', secret: 'value', hosts: ['127.0.0.1'], header: true, body: true }
    const { socketPath } = await openGateway({ ...local, mode: 'unrestricted', injections: [injection] })
    const left = connect(socketPath)
    left.write(`CONNECT 127.0.0.1:${port} HTTP/1.1\r\nhost: x\r\n\r\n`, () => left.destroy())
    await new Promise((resolve) => left.once('close', resolve))
    const { socket } = await tunnelTo(socketPath, `127.0.0.1:${port}`)
    socket.write('no TLS')
    expect(await new Promise((resolve) => socket.once('data', (chunk) => resolve(chunk.toString())))).toBe('no TLS')
    expect(made).toBe(1)
  })

  it('does not keep the gateway from closing', async () => {
    const { port, sockets } = await origin((socket) => void socket.resume())
    const { close, socketPath } = await openGateway(local)
    const { socket } = await tunnelTo(socketPath, `127.0.0.1:${port}`)
    socket.end()
    await close()
    await until(async () => sockets.size === 0)
  })

  it('is not made to what is no host with a port', async () => {
    const { socketPath } = await openGateway({ mode: 'unrestricted', allowPrivate: [] })
    for (const authority of [
      '127.0.0.1',
      'a@127.0.0.1:80',
      '127.0.0.1:0',
      '127.0.0.1:99999',
      'x/y:80',
      '%31:80',
      ':80',
    ]) {
      const { said } = await tunnelTo(socketPath, authority)
      expect(said, authority).toMatch(/ (400|403) /)
    }
    for (const authority of [
      '127.0.0.1:80',
      '2130706433:80',
      '0x7f.1:80',
      '[::1]:80',
      '[::ffff:127.0.0.1]:80',
      'localhost:80',
      '[::]:80',
      '0:80',
    ]) {
      const { said } = await tunnelTo(socketPath, authority)
      expect(said, authority).toContain('egress.allowPrivate')
    }
  })
})

it('a flood of connections is bounded, and over when it ends', async () => {
  const { port, sockets } = await origin((socket) => void socket.resume())
  const { socketPath } = await openGateway(local)
  const flood = Array.from({ length: 300 }, () => {
    const socket = connect(socketPath)
    socket.on('error', () => {})
    socket.write(`CONNECT 127.0.0.1:${port} HTTP/1.1\r\nhost: x\r\n\r\n`)
    return socket
  })
  // What is too much is closed at once.
  await until(
    async () => flood.filter((socket) => socket.destroyed || socket.readableEnded).length >= 172 || sockets.size >= 128,
  )
  expect(sockets.size).toBeLessThanOrEqual(128)
  for (const socket of flood) socket.destroy()
  await until(async () => sockets.size === 0)
  // The gateway may still be about to see that those at its own end have gone.
  await until(async () => (await tunnelTo(socketPath, `127.0.0.1:${port}`)).said.includes(' 200 '))
})
