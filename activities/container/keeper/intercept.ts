import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import { Agent } from 'node:https'
import type { Socket } from 'node:net'
import { TLSSocket } from 'node:tls'
import { injectionsFor } from '../../egress/inject.ts'
import type { Reached } from '../../egress/reach.ts'
import type { Authority } from './authority.ts'
import { endToEnd, exchange, type Onward, silenceMs } from './exchange.ts'
import { injected, injectedHead } from './injected-request.ts'
import type { OpenWays } from './open-ways.ts'
import { refuse, refuseTunnel, refuseTunnelWith, refuseWith } from './refusals.ts'
import { isWebSocket, upgrade } from './upgrade.ts'

/** The first byte of every TLS connection: the type of a record. */
const handshake = 0x16
/** Milliseconds for the container to speak first, where the other end might. */
const patienceMs = 10_000

interface Intercepted {
  to: Reached
  agent: Agent
}

/**
 * Ends the TLS connections of the container to the hosts that may get a secret, and makes its own to them: what is between
 * can be changed. Both are verified: the container trusts this authority, and this process the usual ones.
 */
export class Interceptor {
  readonly #ways: OpenWays
  readonly #server: Server
  readonly #authority: Authority
  readonly #intercepted = new WeakMap<object, Intercepted>()

  private constructor(ways: OpenWays, authority: Authority) {
    this.#ways = ways
    this.#authority = authority
    // Listens nowhere: connections are handed in.
    // However long an upload takes; a pause between two requests is the client's business.
    this.#server = createServer({ requestTimeout: 0, keepAliveTimeout: silenceMs, shouldUpgradeCallback: isWebSocket })
    this.#server.timeout = silenceMs
    this.#server.on('request', (request, response) => void this.#serve(request, response))
    this.#server.on('upgrade', (request, socket, head) => void this.#upgrade(request, socket as Socket, head))
  }

  static async create(ways: OpenWays): Promise<Interceptor> {
    // Loaded by those who need it: few sessions have secrets, and the library is large.
    const { Authority } = await import('./authority.ts')
    return new Interceptor(ways, await Authority.create())
  }

  /** Certificate that the container has to trust, PEM. */
  get certificate(): string {
    return this.#authority.certificate
  }

  /** Takes over a tunnel that is open towards the container. False, with nothing read, when it is none of TLS. */
  async take(inside: Socket, to: Reached): Promise<boolean> {
    if ((await firstByte(inside, to.port === 443 ? silenceMs : patienceMs)) !== handshake) return false
    const secureContext = await this.#authority.contextFor(to.host)
    const agent = new Agent({ keepAlive: true, maxSockets: 1 })
    inside.once('close', () => agent.destroy())
    if (inside.destroyed) return true
    const secure = new TLSSocket(inside, { isServer: true, secureContext, ALPNProtocols: ['http/1.1'] })
    // It may say that the container does not trust the certificate.
    secure.on('error', () => inside.destroy())
    this.#intercepted.set(secure, { to, agent })
    this.#server.emit('connection', secure)
    return true
  }

  async #serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    request.on('error', () => {})
    response.on('error', () => {})
    const found = this.#intercepted.get(request.socket)
    if (!found) return void response.destroy()
    const wrong = wrongOf(request, found.to)
    if (wrong) return refuseWith(response, ...wrong)
    try {
      const onward = await this.#onward(request, found.to, response)
      const changes = await injected(
        request,
        onward.headers,
        injectionsFor(found.to.host, this.#ways.policy.injections),
      )
      await exchange(request, response, { ...onward, ...changes, agent: found.agent })
    } catch (error) {
      refuse(response, error)
    }
  }

  async #upgrade(request: IncomingMessage, inside: Socket, head: Buffer): Promise<void> {
    inside.on('error', () => inside.destroy())
    const found = this.#intercepted.get(inside)
    if (!found) return void inside.destroy()
    const wrong = wrongOf(request, found.to)
    if (wrong) return refuseTunnelWith(inside, ...wrong)
    try {
      const onward = await this.#onward(request, found.to, inside)
      const changes = injectedHead(onward.headers, injectionsFor(found.to.host, this.#ways.policy.injections))
      await upgrade(request, inside, head, { ...onward, ...changes })
    } catch (error) {
      refuseTunnel(inside, error)
    }
  }

  /** Where a request goes, when it still may; `way` ends when it may not any more. */
  async #onward(request: IncomingMessage, { host, port }: Reached, way: ServerResponse | Socket): Promise<Onward> {
    const address = await this.#ways.reach({ host, port })
    this.#ways.hold(address, way)
    const headers = { ...endToEnd(request.headers), host: request.headers.host }
    return { protocol: 'https:', hostname: host, port, path: request.url!, headers, address }
  }
}

/** Why a request is not for the host of its connection; undefined when it is. */
function wrongOf(
  { headers, url }: IncomingMessage,
  { host, port }: Reached,
): [status: number, reason: string] | undefined {
  // Behind one address may be many hosts, and the secret is not for those.
  if (!isSame(headers.host, host, port)) return [421, `this connection is for ${host}, not for ${headers.host}`]
  return url?.startsWith('/') ? undefined : [400, 'the path must begin with "/"']
}

function isSame(given: string | undefined, host: string, port: number): boolean {
  const name = given?.toLowerCase()
  return name === `${host.toLowerCase()}:${port}` || (port === 443 && name === host.toLowerCase())
}

/** The first byte that comes, which stays unread; undefined when none does. */
function firstByte(socket: Socket, patience: number): Promise<number | undefined> {
  return new Promise((resolve) => {
    const done = (byte: number | undefined) => {
      clearTimeout(timer)
      socket.off('readable', look)
      socket.off('close', none)
      resolve(byte)
    }
    const none = () => done(undefined)
    const look = () => {
      const chunk: Buffer | null = socket.read()
      if (chunk) socket.unshift(chunk)
      if (chunk || socket.readableEnded) done(chunk?.[0])
    }
    const timer = setTimeout(none, patience)
    socket.once('close', none)
    socket.on('readable', look)
    look()
  })
}
