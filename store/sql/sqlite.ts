import { chmodSync, closeSync, mkdirSync, openSync } from 'node:fs'
import path from 'node:path'
import { DatabaseSync, type SQLInputValue, type StatementSync } from 'node:sqlite'
import { Kysely, SqliteDialect } from 'kysely'
import { StorageFull } from '../blobs.ts'
import { refuseNul } from './parameters.ts'
import type { Schema } from './schema.ts'

/**
 * Opens an SQLite file for several processes at once. FULL synchronous: what was committed survives a power cut.
 * Node's own SQLite is used, because a native module is tied to the Node that installed it.
 */
export function openSqlite(file: string): Kysely<Schema> {
  mkdirSync(path.dirname(file), { recursive: true })
  keepPrivate(file)
  const database = new DatabaseSync(file, { timeout: 10_000 })
  try {
    useWriteAheadLog(database)
    database.exec('PRAGMA synchronous = FULL')
  } catch (error) {
    database.close()
    throw error
  }
  return new Kysely<Schema>({ dialect: new SqliteDialect({ database: adapt(database, file) }) })
}

/** Nobody else on the host may read the rows. The files beside the database get its mode from SQLite. */
function keepPrivate(file: string): void {
  closeSync(openSync(file, 'a', 0o600))
  for (const name of [file, `${file}-wal`, `${file}-shm`]) {
    try {
      chmodSync(name, 0o600)
    } catch (error) {
      // There is none, or it is somebody else's, who let us use it.
      const { code } = error as NodeJS.ErrnoException
      if (code !== 'ENOENT' && code !== 'EPERM') throw error
    }
  }
}

// SQLite's result codes. Source: https://www.sqlite.org/rescode.html
const busy = 5
const full = 13

/** The mode stays in the file. While another process sets it, SQLite says "busy" at once, whatever the time-out. */
function useWriteAheadLog(database: DatabaseSync): void {
  const deadline = Date.now() + 10_000
  const pause = new Int32Array(new SharedArrayBuffer(4))
  for (;;) {
    try {
      database.exec('PRAGMA journal_mode = WAL')
      return
    } catch (error) {
      if (codeOf(error) !== busy || Date.now() > deadline) throw error
      Atomics.wait(pause, 0, 0, 20)
    }
  }
}

/** Lists of values make more texts than there are queries. */
const mostPrepared = 200

/** What Kysely's dialect expects of a driver, over Node's own. */
function adapt(database: DatabaseSync, file: string) {
  const guarded = <T>(work: () => T): T => {
    try {
      return work()
    } catch (error) {
      throw codeOf(error) === full ? new StorageFull(path.dirname(file), error) : error
    }
  }
  // To prepare a statement takes longer than to run it; the texts are few, for what differs are parameters.
  const prepared = new Map<string, { statement: StatementSync; reader: boolean }>()
  const prepare = (sql: string) => {
    let known = prepared.get(sql)
    if (!known) {
      const statement = database.prepare(sql)
      known = { statement, reader: statement.columns().length > 0 }
      if (prepared.size >= mostPrepared) prepared.clear()
      prepared.set(sql, known)
    }
    return known
  }
  const values = (parameters: readonly unknown[]) => {
    refuseNul(parameters)
    return parameters as SQLInputValue[]
  }
  return {
    close: () => database.close(),
    prepare(sql: string) {
      const { statement, reader } = prepare(sql)
      return {
        reader,
        all: (parameters: readonly unknown[]) => guarded(() => statement.all(...values(parameters))),
        run(parameters: readonly unknown[]) {
          // A full disk ends the transaction by itself; failing to roll it back once more would hide the reason.
          if (sql === 'rollback' && !database.isTransaction) return { changes: 0, lastInsertRowid: 0 }
          return guarded(() => statement.run(...values(parameters)))
        },
        // One of its own: others may run it before the last row is taken.
        iterate: (parameters: readonly unknown[]) => database.prepare(sql).iterate(...values(parameters)),
      }
    },
  }
}

/** The primary result code: an extended one has it in its low byte. */
function codeOf(error: unknown): number | undefined {
  const { errcode } = error as { errcode?: number }
  return errcode === undefined ? undefined : errcode & 0xff
}
