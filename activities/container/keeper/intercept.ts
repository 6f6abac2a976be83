import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import { Agent } from 'node:https'
import type { Socket } from 'node:net'
import { TLSSocket } from 'node:tls'
import { injectionsFor } from '../../egress/inject.ts'
import type { Reached } from '../../egress/reach.ts'
import type { Authority } from './authority.ts'
import { endToEnd, exchange, silenceMs } from './exchange.ts'
import { injected } from './injected-request.ts'
import type { OpenWays } from './open-ways.ts'
import { refuse, refuseWith } from './refusals.ts'

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
    this.#server = createServer()
    this.#server.timeout = silenceMs
    this.#server.on('request', (request, response) => void this.#serve(request, response))
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
    const { host, port } = found.to
    try {
      // Behind one address may be many hosts, and the secret is not for those.
      if (!isSame(request.headers.host, host, port)) {
        return refuseWith(response, 421, `this connection is for ${host}, not for ${request.headers.host}`)
      }
      if (!request.url?.startsWith('/')) return refuseWith(response, 400, 'the path must begin with "/"')
      const reached = await this.#ways.reach({ host, port })
      this.#ways.hold(reached, response)
      const headers = { ...endToEnd(request.headers), host: request.headers.host }
      const injections = injectionsFor(host, this.#ways.policy.injections)
      await exchange(request, response, {
        protocol: 'https:',
        hostname: host,
        port,
        path: request.url,
        address: reached,
        agent: found.agent,
        ...(await injected(request, headers, injections)),
      })
    } catch (error) {
      refuse(response, error)
    }
  }
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
