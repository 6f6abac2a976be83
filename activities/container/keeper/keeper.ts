import { createHash } from 'node:crypto'
import { mkdir } from 'node:fs/promises'
import { createServer, type Server, type Socket } from 'node:net'
import { cgroupVersion, removeStaleCgroups } from '../bubblewrap/cgroups.ts'
import { ContainerUnavailable } from '../provider.ts'
import { Lines } from '../supervisor/lines.ts'
import type { Host } from './housing.ts'
import { KeptSession } from './kept-session.ts'
import { type KeeperRequest, type KeeperResponse, keeperProtocol } from './messages.ts'
import { runtimeFiles } from './runtime-files.ts'
import { containersRoot } from './session-folder.ts'

export interface KeeperOptions {
  dataDir: string
  /** Milliseconds without a client and without a call after which it ends. */
  idleMs: number
  onEnd: () => void
}

/**
 * Owns the containers of a data folder. Workers come and go; it and its containers stay. It ends when nobody has needed
 * it for a while, and its containers with it; their files stay.
 */
export class Keeper {
  readonly #options: KeeperOptions
  readonly #host: Host
  readonly #sessions = new Map<string, KeptSession>()
  readonly #clients = new Set<Socket>()
  readonly #server: Server
  #idle: NodeJS.Timeout | undefined
  #ending = false

  private constructor(options: KeeperOptions, host: Host) {
    this.#options = options
    this.#host = host
    this.#server = createServer((socket) => this.#serve(socket))
    this.#rest()
  }

  static async create(options: KeeperOptions): Promise<Keeper> {
    const root = await containersRoot(options.dataDir)
    await mkdir(root, { recursive: true, mode: 0o711 })
    const cgroupPrefix = `${createHash('sha256').update(root).digest('hex').slice(0, 8)}-`
    await removeStaleCgroups(cgroupPrefix)
    const host = { root, runtime: await runtimeFiles(root), cgroups: await cgroupVersion(), cgroupPrefix }
    return new Keeper(options, host)
  }

  /** Listens on a unix socket that only its owner may use. */
  async listen(socket: string): Promise<void> {
    const before = process.umask(0o177)
    try {
      await new Promise<void>((resolve, reject) => {
        this.#server.once('error', reject)
        this.#server.listen(socket, resolve)
      })
    } finally {
      process.umask(before)
    }
  }

  async end(): Promise<void> {
    if (this.#ending) return
    this.#ending = true
    this.#server.close()
    await Promise.all([...this.#sessions.values()].map((session) => session.end().catch(() => {})))
    for (const client of this.#clients) client.end()
    this.#options.onEnd()
  }

  #serve(socket: Socket): void {
    this.#clients.add(socket)
    clearTimeout(this.#idle)
    socket.on('error', () => {})
    socket.on('close', () => {
      this.#clients.delete(socket)
      this.#rest()
    })
    const lines = new Lines()
    socket.setEncoding('utf8').on('data', (chunk: string) => {
      for (const line of lines.take(chunk)) void this.#answer(socket, line)
    })
  }

  async #answer(socket: Socket, line: string): Promise<void> {
    let message: KeeperRequest
    try {
      message = JSON.parse(line)
      if (typeof message?.request !== 'number') throw new Error('no request')
    } catch {
      return void socket.destroy()
    }
    // What would begin now would be killed at once; the next keeper takes it. Who only asks for a sign of life gets one.
    if (this.#ending && message.op !== 'hello') return void socket.destroy()
    const { request } = message
    const send = (response: KeeperResponse) => socket.writable && socket.write(`${JSON.stringify(response)}\n`)
    try {
      send({ request, ok: true, result: await this.#do(message) })
    } catch (error) {
      const { name, message: reason } = error as Error
      const fix = error instanceof ContainerUnavailable ? error.fix : undefined
      send({ request, ok: false, error: { name, reason, ...(fix && { fix }) } })
    } finally {
      this.#rest()
    }
    if (message.op === 'shutdown') await this.end()
  }

  async #do(message: KeeperRequest) {
    switch (message.op) {
      case 'hello':
        return keeperProtocol
      case 'call': {
        const session = this.#session(message.spec.sessionId)
        session.open(message.spec)
        return session.call(message.call)
      }
      case 'start': {
        const session = this.#session(message.spec.sessionId)
        session.open(message.spec)
        await session.start()
        return undefined
      }
      case 'runs':
        return this.#sessions.get(message.sessionId)?.runs ?? false
      case 'abort':
        this.#sessions.get(message.sessionId)?.abort(message.callId)
        return undefined
      case 'stop': {
        const session = this.#sessions.get(message.sessionId)
        await session?.stop()
        // It may never be asked for again. When it is, it is made anew; by now that may have been done.
        if (session?.isAtRest && this.#sessions.get(session.id) === session) this.#sessions.delete(session.id)
        return undefined
      }
      case 'destroy':
        await this.#session(message.sessionId).destroy()
        this.#sessions.delete(message.sessionId)
        return undefined
      case 'injected':
        return [...this.#sessions.values()].filter(({ hasInjections }) => hasInjections).map(({ id }) => id)
      case 'inject':
        this.#sessions.get(message.sessionId)?.inject(message.injections)
        return undefined
      case 'shutdown':
        return undefined
    }
  }

  #session(id: string): KeptSession {
    const session = this.#sessions.get(id) ?? new KeptSession(this.#host, id)
    this.#sessions.set(id, session)
    return session
  }

  /** Begins to wait for its end when nobody needs it. */
  #rest(): void {
    clearTimeout(this.#idle)
    if (this.#clients.size > 0 || [...this.#sessions.values()].some((session) => session.busy)) return
    this.#idle = setTimeout(() => void this.end(), this.#options.idleMs)
  }
}
