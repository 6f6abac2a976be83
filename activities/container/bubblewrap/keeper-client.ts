import { type ChildProcess, spawn } from 'node:child_process'
import { createHash } from 'node:crypto'
import { closeSync, mkdirSync, openSync } from 'node:fs'
import { connect, type Socket } from 'node:net'
import os from 'node:os'
import path from 'node:path'
import { setTimeout as wait } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { type KeeperRequest, type KeeperResponse, keeperProtocol } from '../keeper/messages.ts'
import { ContainerUnavailable } from '../provider.ts'
import { Lines } from '../supervisor/lines.ts'
import { endWhenSilent } from './silence.ts'

type Request = KeeperRequest extends infer R ? (R extends { request: number } ? Omit<R, 'request'> : never) : never

export interface AskOptions {
  /** When this is aborted before the request is handed in, it is not. */
  unless?: AbortSignal
  /** The request is on its way. */
  onHandedIn?: () => void
}

/** The keeper went away in the middle of a request. */
export class KeeperGone extends Error {
  override readonly name = 'KeeperGone'
}

const main = fileURLToPath(new URL(`../keeper/main${path.extname(import.meta.url)}`, import.meta.url))
const startTimeoutMs = 30_000
/** Number of a request to whose answer nobody listens. */
const unasked = -1
/**
 * Threads of the keeper. Half of them may look up names at once: with two a session it takes 16 sessions whose names
 * nobody answers to hold them all. Those that have nothing to do cost next to nothing.
 */
const threads = 64

/** The way to a data folder's keeper; starts one when there is none, and another when it is silent for long. */
export class KeeperClient {
  readonly #dataDir: string
  readonly #idleMs: number
  #socket: Promise<Socket> | undefined
  /** The one whose keeper is being watched. */
  #watched: Socket | undefined
  #next = 0
  readonly #waiting = new Map<number, PromiseWithResolvers<unknown>>()

  constructor(dataDir: string, idleMs: number) {
    this.#dataDir = path.resolve(dataDir)
    this.#idleMs = idleMs
  }

  get isConnected(): boolean {
    return this.#socket !== undefined
  }

  /** @throws KeeperGone when it is not known whether the request was carried out */
  async ask(message: Request, { unless, onHandedIn }: AskOptions = {}): Promise<unknown> {
    unless?.throwIfAborted()
    const socket = await this.#connected()
    unless?.throwIfAborted()
    const request = this.#next++
    const answer = Promise.withResolvers<unknown>()
    this.#waiting.set(request, answer)
    socket.write(`${JSON.stringify({ request, ...message })}\n`)
    onHandedIn?.()
    this.#watch(socket)
    return answer.promise
  }

  /** Asks a keeper that runs to end; does nothing when none does. */
  async shutdown(): Promise<void> {
    const socket = this.#socket
      ? await this.#socket.catch(() => undefined)
      : await dial(this.#address).catch(() => undefined)
    if (!socket || socket.destroyed) return
    const closed = new Promise((resolve) => socket.once('close', resolve))
    // One that is killed resets the connection.
    socket.on('error', () => {})
    let isHeard = false
    socket.once('data', () => {
      isHeard = true
    })
    endWhenSilent(socket, this.#dataDir, { isAwaited: () => !isHeard, ping: () => {}, onEnd: () => {} })
    socket.write(`${JSON.stringify({ request: unasked, op: 'shutdown' })}\n`)
    socket.resume()
    await closed
  }

  async close(): Promise<void> {
    const socket = await this.#socket?.catch(() => undefined)
    socket?.destroy()
  }

  /** Sockets have short names: a deep data folder gets one elsewhere, named after it. */
  get #address(): string {
    const inside = path.join(this.#dataDir, 'keeper.sock')
    if (inside.length < 100) return inside
    const name = createHash('sha256').update(this.#dataDir).digest('hex').slice(0, 24)
    return path.join(os.tmpdir(), `holdfast-${name}.sock`)
  }

  #connected(): Promise<Socket> {
    this.#socket ??= this.#connect().catch((error) => {
      this.#socket = undefined
      throw error
    })
    return this.#socket
  }

  async #connect(): Promise<Socket> {
    const socket = await dial(this.#address).catch(() => this.#start())
    const lines = new Lines()
    socket.setEncoding('utf8').on('data', (chunk: string) => {
      for (const line of lines.take(chunk)) this.#take(JSON.parse(line))
    })
    socket.on('error', () => {})
    socket.on('close', () => {
      this.#socket = undefined
      for (const { reject } of this.#waiting.values()) reject(new KeeperGone('the keeper of the containers ended'))
      this.#waiting.clear()
    })
    const answer = Promise.withResolvers<unknown>()
    this.#waiting.set(this.#next, answer)
    socket.write(hello(this.#next++))
    this.#watch(socket)
    const protocol = await answer.promise
    if (protocol !== keeperProtocol) {
      socket.destroy()
      throw new ContainerUnavailable({
        tried: ['bubblewrap'],
        reason: `the keeper that runs speaks protocol ${protocol}, this version ${keeperProtocol}`,
        fix: `end it when its commands are done (its pid is in ${path.join(this.#dataDir, 'keeper.pid')})`,
      })
    }
    return socket
  }

  /** While somebody waits for its keeper. */
  #watch(socket: Socket): void {
    if (this.#watched === socket) return
    this.#watched = socket
    endWhenSilent(socket, this.#dataDir, {
      isAwaited: () => this.#waiting.size > 0,
      ping: () => void socket.write(hello(unasked)),
      onEnd: () => {
        if (this.#watched === socket) this.#watched = undefined
      },
    })
  }

  /** Starts keepers until one answers: the one that was faster may be killed before it does. */
  async #start(): Promise<Socket> {
    mkdirSync(this.#dataDir, { recursive: true })
    const deadline = Date.now() + startTimeoutMs
    for (let child = this.#spawn(); ; ) {
      await wait(10)
      const ended = child.exitCode ?? child.signalCode
      const socket = await dial(this.#address).catch(() => undefined)
      if (socket) return socket
      // With 0 it has left the place to another one.
      const isHopeless = typeof ended === 'number' && ended !== 0
      if (isHopeless || Date.now() > deadline) {
        throw new ContainerUnavailable({
          tried: ['bubblewrap'],
          reason: 'the keeper of the containers does not start',
          fix: `see ${path.join(this.#dataDir, 'keeper.log')}`,
        })
      }
      if (ended !== null) child = this.#spawn()
    }
  }

  /** A keeper of its own session and process group, so that no signal meant for this process reaches it. */
  #spawn(): ChildProcess {
    const log = openSync(path.join(this.#dataDir, 'keeper.log'), 'a')
    const child = spawn(process.execPath, [main, this.#dataDir, this.#address, String(this.#idleMs)], {
      detached: true,
      stdio: ['ignore', log, log],
      cwd: '/',
      env: { PATH: process.env.PATH ?? '', UV_THREADPOOL_SIZE: String(threads), ...trusted() },
    })
    closeSync(log)
    child.on('error', () => {})
    child.unref()
    return child
  }

  #take(response: KeeperResponse): void {
    const answer = this.#waiting.get(response.request)
    this.#waiting.delete(response.request)
    if (response.ok) {
      answer?.resolve(response.result)
      return
    }
    const { name, reason, fix } = response.error
    answer?.reject(
      name === 'ContainerUnavailable'
        ? new ContainerUnavailable({
            tried: ['bubblewrap'],
            reason: reason.replace(/^no container: /, ''),
            ...(fix && { fix }),
          })
        : new Error(reason),
    )
  }
}

/** Any keeper answers this at once, however much it has to do. */
const hello = (request: number) => `${JSON.stringify({ request, op: 'hello', protocol: keeperProtocol })}\n`

/** The keeper trusts what this process does, and the system. */
function trusted(): NodeJS.ProcessEnv {
  const extra = process.env.NODE_EXTRA_CA_CERTS
  return { NODE_USE_SYSTEM_CA: '1', ...(extra && { NODE_EXTRA_CA_CERTS: path.resolve(extra) }) }
}

function dial(address: string): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const socket = connect(address)
    socket.once('connect', () => {
      socket.removeAllListeners('error')
      resolve(socket)
    })
    socket.once('error', reject)
  })
}
