import { chmod, chown, mkdir, open, rm } from 'node:fs/promises'
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import path from 'node:path'
import { AddressPolicy } from '../../egress/address-policy.ts'
import type { EgressPolicy } from '../provider.ts'
import { findRoute, passOn } from './route-request.ts'

/** Connections of one container at once. */
const mostConnections = 128

/** Name of the socket in the folder that is mounted into the container. */
export const socketName = 'gateway.sock'

/**
 * The way out of one session's container: a socket in a folder that only this container sees. It lives here, outside,
 * and so do the headers that it adds; what the policy says holds for the next request.
 */
export class RouteGateway {
  policy: EgressPolicy
  readonly #server: Server
  readonly #release: () => Promise<void>

  private constructor(policy: EgressPolicy, server: Server, release: () => Promise<void>) {
    this.policy = policy
    this.#server = server
    this.#release = release
    server.on('request', (request, response) => void this.#serve(request, response))
  }

  /** @param uid the host's user of the container, when it has one of its own */
  static async open(folder: string, policy: EgressPolicy, uid: number | undefined): Promise<RouteGateway> {
    await rm(folder, { recursive: true, force: true })
    await mkdir(folder, { recursive: true, mode: 0o755 })
    const server = createServer()
    server.maxConnections = mostConnections
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
      await directory.close()
      throw error
    }
    return new RouteGateway(policy, server, () => directory.close())
  }

  async close(): Promise<void> {
    this.#server.closeAllConnections()
    await new Promise((resolve) => this.#server.close(resolve))
    await this.#release()
  }

  async #serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    request.on('error', () => {})
    response.on('error', () => {})
    const { routes, allowPrivate } = this.policy
    try {
      const found = findRoute(request.url ?? '', routes)
      if (!found) return refuse(response, 403, 'this address is none that the session may reach')
      await passOn(request, response, found, new AddressPolicy({ allowPrivate }))
    } catch (error) {
      refuse(response, 502, `the server cannot be reached: ${(error as Error).message}`)
    }
  }
}

function refuse(response: ServerResponse, status: number, reason: string): void {
  if (response.headersSent) return void response.destroy()
  response.writeHead(status, { 'content-type': 'text/plain', connection: 'close' }).end(`${reason}\n`)
}
