import { chmod, chown, mkdir, open, rm } from 'node:fs/promises'
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { Socket } from 'node:net'
import path from 'node:path'
import type { EgressPolicy } from '../provider.ts'
import { silenceMs } from './exchange.ts'
import { forward, tunnel } from './forward-proxy.ts'
import { Interceptor } from './intercept.ts'
import { OpenWays } from './open-ways.ts'
import { refuse, refuseTunnel, refuseWith } from './refusals.ts'
import { findRoute, passOn, portOf } from './route-request.ts'

/** Connections of one container at once. */
const mostConnections = 128

/** Name of the socket in the folder that is mounted into the container. */
export const socketName = 'gateway.sock'

/**
 * The way out of one session's container: a socket in a folder that only this container sees. It lives here, outside,
 * and so do the headers and secrets that it adds; what the policy says holds at once.
 */
export class Gateway {
  readonly #ways: OpenWays
  readonly #interceptor: Interceptor | undefined
  readonly #server: Server
  readonly #release: () => Promise<void>

  private constructor(
    ways: OpenWays,
    interceptor: Interceptor | undefined,
    server: Server,
    release: () => Promise<void>,
  ) {
    this.#ways = ways
    this.#interceptor = interceptor
    this.#server = server
    this.#release = release
    server.on('request', (request, response) => void this.#serve(request, response))
    server.on('connect', (request, socket, head) => void this.#connect(request, socket as Socket, head))
  }

  /** @param uid the host's user of the container, when it has one of its own */
  static async open(folder: string, policy: EgressPolicy, uid: number | undefined): Promise<Gateway> {
    await rm(folder, { recursive: true, force: true })
    await mkdir(folder, { recursive: true, mode: 0o755 })
    const ways = new OpenWays(policy)
    const interceptor = policy.injections.length > 0 ? await Interceptor.create(ways) : undefined
    // However long an upload takes; who is silent is cut off.
    const server = createServer({ requestTimeout: 0 })
    server.maxConnections = mostConnections
    server.timeout = silenceMs
    // By the folder's descriptor: names of sockets must be short, those of folders need not.
    const directory = await open(folder, 'r')
    try {
      await new Promise<void>((resolve, reject) => {
        server.once('error', reject)
        server.listen(`/proc/self/fd/${directory.fd}/${socketName}`, resolve)
      })
      const socket = path.join(folder, socketName)
      await chmod(socket, 0o600)
      if (uid !== undefined) await chown(socket, uid, uid)
    } catch (error) {
      server.close()
      await directory.close()
      throw error
    }
    return new Gateway(ways, interceptor, server, () => directory.close())
  }

  get policy(): EgressPolicy {
    return this.#ways.policy
  }

  set policy(policy: EgressPolicy) {
    this.#ways.policy = policy
  }

  /** The policy from now on; without one nothing is open, until the container is started again without a way out. */
  renew(policy: EgressPolicy | undefined): void {
    this.policy = policy ?? { ...this.policy, mode: 'none', allowedHosts: [], routes: [], injections: [] }
  }

  /** What the container has to trust beside the usual, PEM; undefined when no secret is put into its requests. */
  get certificate(): string | undefined {
    return this.#interceptor?.certificate
  }

  async close(): Promise<void> {
    this.#server.closeAllConnections()
    this.#ways.endAll()
    await new Promise((resolve) => this.#server.close(resolve))
    await this.#release()
  }

  async #serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    request.on('error', () => {})
    response.on('error', () => {})
    try {
      if (URL.canParse(request.url ?? '')) return await forward(request, response, this.#ways)
      const { policy, addresses } = this.#ways
      const found = findRoute(request.url ?? '', policy.routes)
      if (!found) return refuseWith(response, 403, 'this address is none that the session may reach')
      if (found.isOther) await this.#ways.reach({ host: found.target.hostname, port: portOf(found.target) })
      await passOn(request, response, found, addresses)
    } catch (error) {
      refuse(response, error)
    }
  }

  async #connect(request: IncomingMessage, socket: Socket, head: Buffer): Promise<void> {
    socket.on('error', () => socket.destroy())
    try {
      await tunnel(request, socket, head, this.#ways, this.#interceptor)
    } catch (error) {
      refuseTunnel(socket, error)
    }
  }
}
