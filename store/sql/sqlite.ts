import { chmodSync, closeSync, mkdirSync, openSync } from 'node:fs'
import path from 'node:path'
import { DatabaseSync, type SQLInputValue } from 'node:sqlite'
import { Kysely, SqliteDialect } from 'kysely'
import { StorageFull } from '../blobs.ts'
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

/** What Kysely's dialect expects of a driver, over Node's own. */
function adapt(database: DatabaseSync, file: string) {
  const guarded = <T>(work: () => T): T => {
    try {
      return work()
    } catch (error) {
      throw codeOf(error) === full ? new StorageFull(path.dirname(file), error) : error
    }
  }
  return {
    close: () => database.close(),
    prepare(sql: string) {
      const statement = database.prepare(sql)
      const values = (parameters: readonly unknown[]) => parameters as SQLInputValue[]
      return {
        reader: statement.columns().length > 0,
        all: (parameters: readonly unknown[]) => guarded(() => statement.all(...values(parameters))),
        run(parameters: readonly unknown[]) {
          // A full disk ends the transaction by itself; failing to roll it back once more would hide the reason.
          if (sql === 'rollback' && !database.isTransaction) return { changes: 0, lastInsertRowid: 0 }
          return guarded(() => statement.run(...values(parameters)))
        },
        iterate: (parameters: readonly unknown[]) => statement.iterate(...values(parameters)),
      }
    },
  }
}

/** The primary result code: an extended one has it in its low byte. */
function codeOf(error: unknown): number | undefined {
  const { errcode } = error as { errcode?: number }
  return errcode === undefined ? undefined : errcode & 0xff
}
