import { setTimeout as sleep } from 'node:timers/promises'
import {
  type DataTypeNode,
  Kysely,
  PostgresDialect,
  type PostgresPoolClient,
  PostgresQueryCompiler,
  type PostgresQueryResult,
} from 'kysely'
import pg from 'pg'
import { StorageFull } from '../blobs.ts'
import { RecordsUnavailable } from '../records-unavailable.ts'
import { refuseNul } from './parameters.ts'
import { passwordFromFile } from './password-file.ts'
import type { Schema } from './schema.ts'
import { TransactionUndone } from './transaction.ts'

export interface PostgresOptions {
  /** `postgres://…`; what it leaves out is taken from the variables PG…, and the password from the passfile. */
  url: string
  /** Connections at most. @default 10 */
  connections?: number | undefined
  /** How long a call waits for a database that is away, such as one that is started anew. Milliseconds. @default 5 s */
  patienceMs?: number | undefined
  /** How long a statement may take; `false` sets no bound. Milliseconds. @default 15 s */
  statementMs?: number | false | undefined
}

/**
 * Opens a PostgreSQL database. Nothing is connected yet: that is done by the first call, and anew whenever a connection
 * was lost. Calls throw RecordsUnavailable when there is no database for longer than they wait.
 * @throws Error for a URL that is none; it does not repeat the URL, which may hold a password
 */
export function openPostgres(options: PostgresOptions): Kysely<Schema> {
  return new Kysely<Schema>({ dialect: new BytewiseDialect({ pool: new Connections(options) }) })
}

/** Where a URL leads, for people: host, port and database, no password. */
export function describePostgres(url: string): string {
  const { host, port, database } = new pg.Client(clientOptions(url))
  return `database ${database} at ${host}:${port}`
}

/** Texts are compared by their bytes, as SQLite does it, whatever the database's language; whole numbers have 64 bits. */
class BytewiseDialect extends PostgresDialect {
  override createQueryCompiler() {
    return new BytewiseCompiler()
  }
}

class BytewiseCompiler extends PostgresQueryCompiler {
  protected override visitDataType({ dataType }: DataTypeNode): void {
    if (dataType === 'text') this.append('text collate "C"')
    else if (dataType === 'integer') this.append('bigint')
    else this.append(String(dataType))
  }
}

/** Counts, sizes and milliseconds: none comes near 2^53. */
const types: pg.CustomTypesConfig = {
  getTypeParser: ((oid: number, format?: 'text' | 'binary') =>
    oid === pg.types.builtins.INT8
      ? Number
      : pg.types.getTypeParser(oid, format as 'text')) as pg.CustomTypesConfig['getTypeParser'],
}

/** Looks for a password that neither the URL nor PGPASSWORD gives in the passfile. */
export class Client extends pg.Client {
  constructor(config?: string | pg.ClientConfig) {
    super(config)
    const client = this as unknown as { password: unknown }
    client.password ??= passwordFromFile
  }
}

export function clientOptions(url: string): pg.ClientConfig {
  const options = { connectionString: url, fallback_application_name: 'holdfast', keepAlive: true }
  try {
    new pg.Client(options)
  } catch (error) {
    const { code, path } = error as NodeJS.ErrnoException
    // A certificate that it names. Of a URL that is none the error may have the password.
    if (path) throw new Error(`records.url: ${path} cannot be read (${code})`)
    throw new Error('records.url: is no URL of PostgreSQL; give postgres://USER@HOST:PORT/DATABASE')
  }
  return options
}

/** The pool, as Kysely's dialect takes one. */
class Connections {
  readonly #pool: pg.Pool
  readonly #patienceMs: number

  constructor({ url, connections = 10, patienceMs = 5000, statementMs = 15_000 }: PostgresOptions) {
    this.#patienceMs = patienceMs
    this.#pool = new pg.Pool({
      ...clientOptions(url),
      max: connections,
      Client,
      types,
      connectionTimeoutMillis: 5000,
      // A new connection takes as long as some ten statements.
      idleTimeoutMillis: 60_000,
      // Later than the server's own bound: then it is the server that does not answer.
      ...(statementMs && { query_timeout: (statementMs * 4) / 3 }),
      onConnect: ((client: pg.ClientBase) => begin(client, statementMs)) as (client: pg.ClientBase) => void,
    })
    // An idle connection was lost: the next call makes another.
    this.#pool.on('error', () => {})
    // One in use was: its query says so.
    this.#pool.on('connect', (client) => client.on('error', () => {}))
  }

  async connect(): Promise<PostgresPoolClient> {
    // Of what a client can do, streams of rows are left out: nobody asks for any.
    return new Connection(await this.acquire(), this) as unknown as PostgresPoolClient
  }

  /** @throws RecordsUnavailable when none could be had for as long as a call waits */
  async acquire(): Promise<pg.PoolClient> {
    const deadline = performance.now() + this.#patienceMs
    for (let pauseMs = 50; ; pauseMs = Math.min(2 * pauseMs, 1000)) {
      try {
        return await this.#pool.connect()
      } catch (cause) {
        if (this.#pool.ending || performance.now() + pauseMs > deadline) throw new RecordsUnavailable({ cause })
        await sleep(pauseMs)
      }
    }
  }

  end(): Promise<void> {
    return this.#pool.end()
  }
}

/**
 * What every connection is told. A process that stands still in a transaction gives up its locks before others, who wait
 * for them, give up. What was committed is on the disk, also where the database is set up to acknowledge before.
 */
const settings = (statementMs: number | false) =>
  [
    `set statement_timeout = ${statementMs || 0}`,
    'set idle_in_transaction_session_timeout = 10000',
    `select set_config('synchronous_commit', 'on', false) where current_setting('synchronous_commit') = 'off'`,
  ].join('; ')

/** @throws Error for a server that takes no changes, such as one that a fail-over has not reached yet: it is as good as away */
async function begin(client: pg.ClientBase, statementMs: number | false): Promise<void> {
  await client.query(settings(statementMs))
  const { rows } = await client.query<{ value: string }>(`select current_setting('transaction_read_only') as value`)
  if (rows[0]?.value === 'on') throw new Error('it takes no changes: it is a standby, or set to be read only')
}

/**
 * A connection that Kysely has for a statement or a transaction. What was certainly not done is tried again where that
 * is possible here; where the whole transaction has to be, it throws TransactionUndone.
 */
class Connection {
  /** None when it was lost and there is no other. */
  #client: pg.PoolClient | undefined
  readonly #connections: Connections
  #inTransaction = false
  /** Why the connection is of no use any more. */
  #lost: unknown

  constructor(client: pg.PoolClient, connections: Connections) {
    this.#client = client
    this.#connections = connections
  }

  async query(sql: string, parameters: readonly unknown[]): Promise<PostgresQueryResult<unknown>> {
    refuseNul(parameters)
    // It was undone with the connection; to fail once more would hide the reason.
    if (sql === 'rollback' && this.#lost) return nothing
    for (let attempt = 1; ; attempt++) {
      try {
        return await this.#run(sql, parameters)
      } catch (error) {
        const fault = faultOf(error)
        if (fault === 'other') throw error
        if (fault === 'full') throw new StorageFull('the database of the records', error)
        if (fault === 'lost') this.#lost = error
        if (this.#inTransaction && fault !== 'slow') {
          if (fault === 'lost' && sql === 'commit') throw new RecordsUnavailable({ cause: error, mayBeDone: true })
          throw new TransactionUndone({ cause: error })
        }
        const mayBeDone = fault === 'lost' && !/^(begin|start transaction|select)\b/.test(sql)
        if (fault === 'slow' || mayBeDone || attempt === mostAttempts) {
          throw new RecordsUnavailable({ cause: error, mayBeDone })
        }
        if (fault === 'lost') await this.#reconnect()
      }
    }
  }

  async #run(sql: string, parameters: readonly unknown[]): Promise<PostgresQueryResult<unknown>> {
    const isBegin = /^(begin|start transaction)\b/.test(sql)
    // What was locked is read as it is now, whatever the database's own default.
    const text = sql === 'begin' ? 'begin isolation level read committed' : sql
    const { command, rowCount, rows } = await this.#client!.query(text, [...parameters])
    if (isBegin) this.#inTransaction = true
    if (sql === 'commit' || sql === 'rollback') this.#inTransaction = false
    // PostgreSQL answers so, and with no error, when a statement of the transaction had failed.
    if (sql === 'commit' && command !== 'COMMIT')
      throw new TypeError('a transaction with a failed statement was undone')
    return { command: command as 'SELECT', rowCount: rowCount ?? 0, rows }
  }

  async #reconnect(): Promise<void> {
    this.#client!.release(true)
    this.#client = undefined
    this.#client = await this.#connections.acquire()
    this.#lost = undefined
  }

  release(): void {
    this.#client?.release(this.#lost !== undefined)
  }
}

const mostAttempts = 5
const nothing: PostgresQueryResult<never> = { command: 'SELECT', rowCount: 0, rows: [] }

/**
 * What became of a statement that failed. `lost`: the connection is of no use, and whether it was done is not known;
 * `undone`: it gave way to another; `slow`: it was not done in the time that it had; `full`: the disk is.
 * Source: https://www.postgresql.org/docs/current/errcodes-appendix.html
 */
function faultOf(error: unknown): 'lost' | 'undone' | 'slow' | 'full' | 'other' {
  // What the driver and the network say has none of PostgreSQL's codes.
  if (!(error instanceof pg.DatabaseError)) return error instanceof TypeError ? 'other' : 'lost'
  const { code = '' } = error
  if (code === '40001' || code === '40P01') return 'undone'
  if (code === '53100') return 'full'
  // Cancelled, by the time-out or by an administrator; locks not had in time; out of memory.
  if (code === '57014' || code === '55P03' || code.startsWith('53')) return 'slow'
  // Shut down, crashed, ended for being idle; or what was the primary is one no more.
  if (code.startsWith('08') || code.startsWith('57P') || code === '25P03' || code === '25006') return 'lost'
  return 'other'
}
