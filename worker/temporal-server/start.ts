import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdir, open, readFile, rm, stat, truncate } from 'node:fs/promises'
import path from 'node:path'
import { serverVersion } from './binary-version.ts'
import { withCoarseTimers } from './coarse-timers.ts'
import { checkDataVersion, writeDataVersion } from './data-version.ts'
import { freePort } from './free-port.ts'
import { endLeftover, noteServer } from './leftover.ts'
import { dyingWithParent } from './parent-death.ts'
import { serverArguments } from './settings.ts'
import { tuneVisibility } from './tune-visibility.ts'
import { untilUsable } from './until-usable.ts'

export interface StartTemporalOptions {
  /** Folder of the data file, the log and what else belongs to the server; made when it is missing. */
  dataDir: string
  /** Path of the Temporal CLI. See resolveBinary. */
  binary: string
  /** @default any free port */
  port?: number
  /** Port of the web UI. @default any free port */
  uiPort?: number
  /** Without the web UI. @default false */
  headless?: boolean
  /** @default 'default' */
  namespace?: string
}

export interface TemporalServer {
  /** `127.0.0.1:PORT`. */
  address: string
  uiUrl?: string
  pid: number
  /** Version of the server, such as `1.29.1`. */
  version: string
  /** Stops it and waits for its end; after ten seconds it is killed, which loses nothing. */
  stop(): Promise<void>
  /** Ends it at once, which loses nothing. */
  kill(): void
  /** Resolves when the process has ended, for whatever reason. */
  exited: Promise<{ code: number | null; signal: NodeJS.Signals | null }>
}

const stopMs = 10_000
const largestLog = 10 * 1024 * 1024
/** Somebody else may take a free port between its choice and the server's start. */
const portAttempts = 3

/**
 * Starts the Temporal server as a child of this process on the data in `dataDir`, with the settings that sessions need.
 * Resolves when the namespace can be used. The server dies with this process where the system can arrange that (Linux);
 * elsewhere one that was left behind is ended at the next start.
 * @throws DataTooNew, DataInUse; Error with the end of the log when the server does not come up
 */
export async function startTemporal(options: StartTemporalOptions): Promise<TemporalServer> {
  const { dataDir, binary } = options
  // Whoever reads it reads every session.
  await mkdir(dataDir, { recursive: true, mode: 0o700 })
  const files = {
    database: path.join(dataDir, 'temporal.db'),
    log: path.join(dataDir, 'temporal.log'),
    pid: path.join(dataDir, 'temporal.pid'),
    version: path.join(dataDir, 'temporal.version'),
  }
  const version = await serverVersion(binary)
  await checkDataVersion(files.version, version)
  await endLeftover(files.pid)
  // What is on disk already, while nobody uses it; SQLite would make a file that is missing.
  if (await exists(files.database)) tune(files.database)

  for (let attempt = 1; ; attempt++) {
    try {
      return await startOnce(options, files, version)
    } catch (error) {
      const portWasOurs = options.port === undefined || (options.uiPort === undefined && !options.headless)
      if (!portWasOurs || attempt === portAttempts || !/address already in use/.test((error as Error).message))
        throw error
    }
  }
}

async function startOnce(
  { binary, headless = false, namespace = 'default', ...options }: StartTemporalOptions,
  files: { database: string; log: string; pid: string; version: string },
  version: string,
): Promise<TemporalServer> {
  const port = options.port ?? (await freePort())
  const uiPort = headless ? undefined : (options.uiPort ?? (await freePort()))
  const { child, logFrom } = await launch(
    binary,
    serverArguments({ databaseFile: files.database, port, ...(uiPort !== undefined && { uiPort }) }),
    files.log,
  )
  const exited = once(child, 'exit').then(([code, signal]) => ({ code, signal }))
  const failed = exited.then(async ({ code, signal }) => {
    const said = (await readFile(files.log, 'utf8')).slice(logFrom).trim().split('\n').slice(-5).join('\n')
    throw new Error(
      `the Temporal server ended at its start (${signal ?? `code ${code}`}): ${said}\nIts log: ${files.log}`,
    )
  })
  // Whoever waits for the start hears of it; nobody may, as when something else fails before.
  failed.catch(() => {})
  const abandon = new AbortController()
  try {
    await noteServer(files.pid, child.pid!)
    await Promise.race([untilUsable({ address: `127.0.0.1:${port}` }, namespace, abandon.signal), failed])
    await writeDataVersion(files.version, version)
    tune(files.database)
  } catch (error) {
    abandon.abort()
    child.kill('SIGKILL')
    throw error
  }
  return {
    address: `127.0.0.1:${port}`,
    ...(uiPort !== undefined && { uiUrl: `http://127.0.0.1:${uiPort}` }),
    pid: child.pid!,
    version,
    exited,
    kill: () => void child.kill('SIGKILL'),
    async stop() {
      const force = setTimeout(() => child.kill('SIGKILL'), stopMs)
      child.kill('SIGTERM')
      await exited
      clearTimeout(force)
      await rm(files.pid, { force: true })
    },
  }
}

const exists = (file: string) =>
  stat(file).then(
    () => true,
    () => false,
  )

function tune(databaseFile: string): void {
  try {
    tuneVisibility(databaseFile)
  } catch {
    // The server works without it, or it will say itself what is wrong with its file.
  }
}

async function launch(
  binary: string,
  args: string[],
  logFile: string,
): Promise<{ child: ChildProcess; logFrom: number }> {
  const logFrom = await stat(logFile).then(
    ({ size }) => size,
    () => 0,
  )
  if (logFrom > largestLog) await truncate(logFile)
  const log = await open(logFile, 'a')
  try {
    // In a process group of its own: Ctrl-C in the terminal is for us, who stop the server last.
    const child = spawn(...dyingWithParent(...withCoarseTimers(binary, args)), {
      stdio: ['ignore', log.fd, log.fd],
      detached: true,
    })
    await once(child, 'spawn')
    return { child, logFrom: logFrom > largestLog ? 0 : logFrom }
  } finally {
    await log.close()
  }
}
