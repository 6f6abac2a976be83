import { createHash } from 'node:crypto'
import type { Socket } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Carrier } from '../carrier.ts'
import { Client, clientOptions } from './postgres.ts'

/** How often the connection is tried, and how long it may take to answer, milliseconds. */
const everyMs = 20_000
const answerMs = 10_000
/** Texts that wait while the database is away. Older ones are dropped: nobody wants them late. */
const mostWaiting = 1000

/**
 * Carries texts by LISTEN and NOTIFY, over a connection of its own that is made anew whenever it is lost. Those who use
 * the same schema of a database hear each other.
 * Source: https://www.postgresql.org/docs/current/sql-notify.html
 */
export class PostgresCarrier implements Carrier, AsyncDisposable {
  /** PostgreSQL takes fewer than 8,000, and each has a number before it. */
  readonly maxBytes = 7900
  onText: Carrier['onText']
  readonly #url: string
  #waiting: string[] = []
  #sent = 0
  /** The connection, while there is one. */
  #open: { client: Client; channel: string } | undefined
  #isSending = false
  readonly #closing = new AbortController()
  readonly #running: Promise<void>

  constructor({ url }: { url: string }) {
    this.#url = url
    this.#running = this.#run()
  }

  send(text: string): void {
    // Of equal ones in a transaction PostgreSQL sends one.
    this.#waiting.push(`${this.#sent++} ${text}`)
    if (this.#waiting.length > mostWaiting) this.#waiting.shift()
    void this.#flush()
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#closing.abort()
    await this.#running
  }

  async #run(): Promise<void> {
    const { signal } = this.#closing
    for (let failures = 0; !signal.aborted; failures++) {
      const client = new Client({
        ...clientOptions(this.#url),
        connectionTimeoutMillis: answerMs,
        query_timeout: answerMs,
      })
      const lost = new AbortController()
      client.on('error', () => lost.abort())
      client.on('end', () => lost.abort())
      try {
        await client.connect()
        client.on('notification', ({ payload = '' }) => this.onText?.(payload.slice(payload.indexOf(' ') + 1)))
        const channel = await channelOf(client)
        await client.query(`listen ${channel}`)
        this.#open = { client, channel }
        failures = 0
        void this.#flush()
        for (;;) {
          await sleep(everyMs, undefined, { signal: AbortSignal.any([signal, lost.signal]) })
          await client.query('select 1')
        }
      } catch {
        // It is made anew, unless this is the end.
      } finally {
        this.#open = undefined
        await leave(client)
      }
      await sleep(Math.min(5000, 100 * 2 ** failures), undefined, { signal }).catch(() => {})
    }
  }

  async #flush(): Promise<void> {
    if (this.#isSending) return
    this.#isSending = true
    try {
      while (this.#open && this.#waiting.length > 0) {
        const { client, channel } = this.#open
        const texts = this.#waiting
        this.#waiting = []
        await client.query('select pg_notify($1, text) from unnest($2::text[]) as text', [channel, texts])
      }
    } catch {
      // Those of this time are lost.
    } finally {
      this.#isSending = false
    }
  }
}

/** Takes leave of the server, which is not waited for longer than a second: one that stands still never answers. */
async function leave(client: Client): Promise<void> {
  const { connection } = client as unknown as { connection: { stream: Socket } }
  const patience = setTimeout(() => connection.stream.destroy(), 1000)
  await client.end().catch(() => {})
  clearTimeout(patience)
}

async function channelOf(client: Client): Promise<string> {
  const { rows } = await client.query<{ schema: string | null }>('select current_schema() as schema')
  const digest = createHash('sha256')
    .update(rows[0]?.schema ?? '')
    .digest('hex')
  return `holdfast_${digest.slice(0, 16)}`
}
