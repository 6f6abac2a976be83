import type { OutgoingHttp } from '../egress/outgoing-http.ts'
import type { ServerAccess } from '../vaults/server-access.ts'
import { McpConnection } from './connection.ts'

interface Held {
  opened: Promise<McpConnection>
  users: number
  idle: NodeJS.Timeout | undefined
}

export interface Place {
  /** Whose connection it is: sessions share none, for what the server keeps is theirs. */
  sessionId: string
  url: string
  access: ServerAccess
}

/** Connections are kept for a while after their last use, for servers may keep things from one call to the next. */
export class McpConnections {
  readonly #http: OutgoingHttp
  readonly #connectMs: number
  readonly #idleMs: number
  readonly #most: number
  readonly #held = new Map<string, Held>()

  constructor(
    http: OutgoingHttp,
    { connectMs, idleMs = 5 * 60_000, most = 200 }: { connectMs: number; idleMs?: number; most?: number },
  ) {
    this.#http = http
    this.#connectMs = connectMs
    this.#idleMs = idleMs
    this.#most = most
  }

  /** @param work gets the connection and whether it was open before: the server may have forgotten such a one */
  async use<T>(place: Place, work: (connection: McpConnection, known: boolean) => Promise<T>): Promise<T> {
    const key = JSON.stringify([place.sessionId, place.url])
    const before = this.#held.get(key)
    const held = before ?? this.#open(key, place)
    held.users++
    clearTimeout(held.idle)
    // The one that was used last goes last.
    this.#held.delete(key)
    this.#held.set(key, held)
    try {
      const connection = await held.opened
      if (connection.closed && before) {
        this.#drop(key, held)
        return await this.use(place, work)
      }
      return await work(connection, before !== undefined)
    } finally {
      held.users--
      if (held.users === 0) this.#rest(key, held)
      this.#shrink()
    }
  }

  /** The next use of the place opens a new connection. */
  forget({ sessionId, url }: Place): void {
    const key = JSON.stringify([sessionId, url])
    const held = this.#held.get(key)
    if (held) this.#drop(key, held)
  }

  async close(): Promise<void> {
    const all = [...this.#held]
    for (const [key, held] of all) this.#drop(key, held)
    await Promise.all(all.map(([, { opened }]) => opened.then((connection) => connection.close()).catch(() => {})))
  }

  #open(key: string, { url, access }: Place): Held {
    const opened = McpConnection.open(url, { http: this.#http, access, timeoutMs: this.#connectMs })
    const held: Held = { opened, users: 0, idle: undefined }
    opened.catch(() => this.#drop(key, held))
    return held
  }

  #drop(key: string, held: Held): void {
    clearTimeout(held.idle)
    if (this.#held.get(key) === held) this.#held.delete(key)
    // Whoever still uses it may end in peace.
    if (held.users === 0) void held.opened.then((connection) => connection.close()).catch(() => {})
  }

  /** Nobody uses it now: it is kept for the next use, unless it was given up meanwhile. */
  #rest(key: string, held: Held): void {
    if (this.#held.get(key) === held) held.idle = setTimeout(() => this.#drop(key, held), this.#idleMs).unref()
    else this.#drop(key, held)
  }

  #shrink(): void {
    for (const [key, held] of this.#held) {
      if (this.#held.size <= this.#most) return
      if (held.users === 0) this.#drop(key, held)
    }
  }
}
