import { mkdtemp, symlink } from 'node:fs/promises'
import { type IncomingHttpHeaders, type IncomingMessage, type RequestListener, request } from 'node:http'
import { createServer as createHttps } from 'node:https'
import { type AddressInfo, connect, type Socket } from 'node:net'
import os from 'node:os'
import path from 'node:path'
import type { Duplex } from 'node:stream'
import { connect as connectTls, getCACertificates, setDefaultCACertificates, type TLSSocket } from 'node:tls'
import { onTestFinished } from 'vitest'
import { Authority } from '../../activities/container/keeper/authority.ts'
import { Gateway, socketName } from '../../activities/container/keeper/gateway.ts'
import type { EgressPolicy } from '../../activities/container/provider.ts'

/** A gateway as one container has it. */
export async function openGateway(policy: Partial<EgressPolicy>) {
  const root = await mkdtemp(path.join(os.tmpdir(), 'holdfast-test-'))
  const folder = path.join(root, 'gateway')
  const full = {
    mode: 'unrestricted' as const,
    allowedHosts: [],
    routes: [],
    injections: [],
    allowPrivate: [],
    ...policy,
  }
  const gateway = await Gateway.open(folder, full, undefined)
  let closed = false
  const close = async () => {
    if (closed) return
    closed = true
    await gateway.close()
  }
  onTestFinished(close)
  // Names of sockets must be short.
  await symlink(folder, path.join(root, 's'))
  return { gateway, close, socketPath: path.join(root, 's', socketName) }
}

export interface Answer {
  status: number
  headers: IncomingHttpHeaders
  text: string
}

/** A connection through the gateway, and what it answered to CONNECT. */
export async function tunnelTo(socketPath: string, authority: string): Promise<{ socket: Socket; said: string }> {
  const socket = connect({ path: socketPath, allowHalfOpen: true })
  onTestFinished(() => void socket.destroy())
  socket.on('error', () => {})
  socket.write(`CONNECT ${authority} HTTP/1.1\r\nhost: ${authority}\r\n\r\n`)
  let said = ''
  while (!said.includes('\r\n\r\n')) {
    const chunk: Buffer | null = socket.read()
    if (chunk) said += chunk.toString('latin1')
    else if (socket.readableEnded || socket.destroyed) break
    else
      await Promise.race(
        ['readable', 'end', 'close'].map((event) => new Promise((resolve) => socket.once(event, resolve))),
      )
  }
  return { socket, said }
}

/** TLS within a tunnel, trusting `ca` and nothing else. */
export async function secured(socket: Socket, servername: string, ca: string): Promise<TLSSocket> {
  const tls = connectTls({ socket, ca, ...(/^[\d.]+$/.test(servername) ? { host: servername } : { servername }) })
  await new Promise<void>((resolve, reject) => {
    tls.once('secureConnect', resolve)
    tls.once('error', reject)
  })
  return tls
}

export function ask(
  connection: Socket,
  url: string,
  { body, ...options }: { method?: string; headers?: IncomingHttpHeaders; body?: string | Buffer | Buffer[] } = {},
): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const sent = request({ createConnection: () => connection, path: url, ...options }, async (response) => {
      let text = ''
      for await (const chunk of response) text += chunk
      resolve({ status: response.statusCode!, headers: response.headers, text })
    })
    sent.on('error', reject)
    if (Array.isArray(body)) for (const part of body) sent.write(part)
    sent.end(Array.isArray(body) ? undefined : body)
  })
}

/** An origin over TLS at every address of 127.0.0.0/8, whose authority this process trusts. */
export async function tlsOrigin(
  host: string,
  listener: RequestListener,
  {
    isTrusted = true,
    upgrade,
  }: { isTrusted?: boolean; upgrade?: (request: IncomingMessage, socket: Duplex) => void } = {},
): Promise<number> {
  const authority = await Authority.create()
  if (isTrusted) {
    const before = getCACertificates('default')
    setDefaultCACertificates([...before, authority.certificate])
    onTestFinished(() => setDefaultCACertificates(before))
  }
  const server = createHttps(await authority.certify(host), listener)
  if (upgrade) server.on('upgrade', upgrade)
  await new Promise<void>((resolve) => server.listen(0, '0.0.0.0', resolve))
  onTestFinished(() => {
    server.closeAllConnections()
    server.close()
  })
  return (server.address() as AddressInfo).port
}
