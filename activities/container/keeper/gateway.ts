import { chmod, chown, mkdir, open, rm } from 'node:fs/promises'
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { Socket } from 'node:net'
import path from 'node:path'
import { AddressPolicy, AddressRefused } from '../../egress/address-policy.ts'
import type { EgressPolicy } from '../provider.ts'
import { checkHost, Denied, forward, tunnel } from './forward-proxy.ts'
import { findRoute, passOn } from './route-request.ts'

/** Connections of one container at once. */
const mostConnections = 128

/** Name of the socket in the folder that is mounted into the container. */
export const socketName = 'gateway.sock'

/**
 * The way out of one session's container: a socket in a folder that only this container sees. It lives here, outside,
 * and so do the headers that it adds; what the policy says holds for the next request.
 */
export class Gateway {
  policy: EgressPolicy
  readonly #server: Server
  readonly #release: () => Promise<void>

  private constructor(policy: EgressPolicy, server: Server, release: () => Promise<void>) {
    this.policy = policy
    this.#server = server
    this.#release = release
    server.on('request', (request, response) => void this.#serve(request, response))
    server.on('connect', (request, socket, head) => void this.#connect(request, socket as Socket, head))
  }

  /** @param uid the host's user of the container, when it has one of its own */
  static async open(folder: string, policy: EgressPolicy, uid: number | undefined): Promise<Gateway> {
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
    return new Gateway(policy, server, () => directory.close())
  }

  async close(): Promise<void> {
    this.#server.closeAllConnections()
    await new Promise((resolve) => this.#server.close(resolve))
    await this.#release()
  }

  async #serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    request.on('error', () => {})
    response.on('error', () => {})
    const { policy } = this
    const addresses = new AddressPolicy({ allowPrivate: policy.allowPrivate })
    try {
      if (URL.canParse(request.url ?? '')) return await forward(request, response, policy, addresses)
      const found = findRoute(request.url ?? '', policy.routes)
      if (!found) return refuse(response, 403, 'this address is none that the session may reach')
      if (found.isOther) checkHost(found.target.hostname, policy)
      await passOn(request, response, found, addresses)
    } catch (error) {
      refuse(response, isDenial(error) ? 403 : 502, reasonOf(error))
    }
  }

  async #connect(request: IncomingMessage, socket: Socket, head: Buffer): Promise<void> {
    socket.on('error', () => socket.destroy())
    const { policy } = this
    try {
      await tunnel(request, socket, head, policy, new AddressPolicy({ allowPrivate: policy.allowPrivate }))
    } catch (error) {
      if (socket.destroyed) return
      const status = isDenial(error) ? '403 Forbidden' : '502 Bad Gateway'
      const text = `${reasonOf(error)}\n`
      const headers = `content-type: text/plain\r\ncontent-length: ${Buffer.byteLength(text)}\r\nconnection: close`
      socket.end(`HTTP/1.1 ${status}\r\n${headers}\r\n\r\n${text}`)
    }
  }
}

const isDenial = (error: unknown) => error instanceof Denied || error instanceof AddressRefused

const reasonOf = (error: unknown) =>
  isDenial(error) ? (error as Error).message : `the server cannot be reached: ${(error as Error).message}`

function refuse(response: ServerResponse, status: number, reason: string): void {
  if (response.headersSent) return void response.destroy()
  response.writeHead(status, { 'content-type': 'text/plain', connection: 'close' }).end(`${reason}\n`)
}
