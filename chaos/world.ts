import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { createWriteStream, type WriteStream } from 'node:fs'
import { chmod, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import os from 'node:os'
import path from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { containersRoot } from '../activities/container/keeper/session-folder.ts'
import { type ScriptedModel, startScriptedModel } from '../testing/scripted-model/server.ts'
import { freePort } from '../worker/temporal-server/free-port.ts'
import { type KeptTemporal, keepTemporalRunning } from '../worker/temporal-server/keep-running.ts'
import { resolveBinary } from '../worker/temporal-server/resolve-binary.ts'
import { type Link, openLink } from './link.ts'
import { type ModelGate, openModelGate } from './model-gate.ts'
import type { Moments } from './moments.ts'
import { below, signal } from './processes.ts'
import { SmallDisk } from './small-disk.ts'

const holdfast = fileURLToPath(new URL('../bin/holdfast', import.meta.url))

/** Small, so that sessions roll over all the time. */
const rollOverEvents = 120
/** Two, so that one can be lost without anybody seeing it end. */
const workerProcesses = 2

/**
 * The product as a user starts it, `holdfast dev`, on a folder and a disk of its own; with the Temporal server, the way
 * there and the model apart, so that each can fail alone.
 */
export class World {
  readonly folder: string
  readonly url: string
  readonly temporal: KeptTemporal
  readonly link: Link
  readonly gate: ModelGate
  readonly disk: SmallDisk | undefined
  readonly #model: ScriptedModel
  readonly #port: number
  readonly #log: WriteStream
  #dev: ChildProcess | undefined
  #starting: Promise<void> | undefined
  #stopping = false
  /** Times that `holdfast dev` had to be started. */
  starts = 0

  private constructor(parts: {
    folder: string
    temporal: KeptTemporal
    link: Link
    gate: ModelGate
    disk: SmallDisk | undefined
    model: ScriptedModel
    port: number
  }) {
    this.folder = parts.folder
    this.temporal = parts.temporal
    this.link = parts.link
    this.gate = parts.gate
    this.disk = parts.disk
    this.#model = parts.model
    this.#port = parts.port
    this.url = `http://127.0.0.1:${parts.port}`
    this.#log = createWriteStream(path.join(parts.folder, 'holdfast.log'))
  }

  static async start(moments: Moments): Promise<World> {
    const folder = await mkdtemp(path.join(os.tmpdir(), 'holdfast-chaos-'))
    // The containers' users walk through it.
    await chmod(folder, 0o711)
    const disk = await SmallDisk.mount(path.join(folder, 'data'))
    await mkdir(path.join(folder, 'data', 'blobs', 'sessions'), { recursive: true })
    await writeFile(path.join(folder, 'temporal.config.mjs'), settings)
    const temporal = await keepTemporalRunning(
      {
        dataDir: path.join(folder, 'temporal'),
        binary: (await resolveBinary({ report: () => {} })).path,
        headless: true,
      },
      () => {},
    )
    const link = await openLink(temporal.address)
    const model = await startScriptedModel()
    const gate = await openModelGate(model.url, moments)
    const world = new World({ folder, temporal, link, gate, disk, model, port: await freePort() })
    await world.revive()
    return world
  }

  get dataDir(): string {
    return path.join(this.folder, 'data')
  }

  containers(): Promise<string> {
    return containersRoot(this.dataDir)
  }

  get logFile(): string {
    return path.join(this.folder, 'holdfast.log')
  }

  get devPid(): number | undefined {
    return this.#dev?.exitCode === null && this.#dev.signalCode === null ? this.#dev.pid : undefined
  }

  async workers(): Promise<number[]> {
    if (this.devPid === undefined) return []
    return (await below(this.devPid)).filter(({ title }) => title === 'holdfast worker').map(({ pid }) => pid)
  }

  async keeper(): Promise<number | undefined> {
    const pid = Number(await readFile(path.join(this.dataDir, 'keeper.pid'), 'utf8').catch(() => ''))
    return pid || undefined
  }

  /** The supervisors inside the containers. */
  async supervisors(): Promise<number[]> {
    const keeper = await this.keeper()
    if (keeper === undefined) return []
    return (await below(keeper)).filter(({ title }) => title === 'supervisor').map(({ pid }) => pid)
  }

  /** Starts the command when it does not run, as a service manager does, and whenever it ends. */
  revive(): Promise<void> {
    this.#starting ??= this.#start().finally(() => {
      this.#starting = undefined
    })
    return this.#starting
  }

  async #start(): Promise<void> {
    while (!this.#stopping && this.devPid === undefined) {
      this.starts++
      const dev = spawn(process.execPath, [holdfast, 'dev', '--port', String(this.#port), '--data', 'data'], {
        cwd: this.folder,
        env: {
          ...process.env,
          ANTHROPIC_API_KEY: 'scripted',
          ANTHROPIC_BASE_URL: this.gate.url,
          TEMPORAL_ADDRESS: this.link.address,
        },
        stdio: ['ignore', 'pipe', 'pipe'],
      })
      this.#dev = dev
      dev.stderr!.on('data', (chunk) => this.#log.write(chunk))
      const listens = new Promise<boolean>((resolve) => {
        dev.once('exit', () => resolve(false))
        dev.stdout!.on('data', (chunk) => String(chunk).includes('listening on') && resolve(true))
      })
      dev.once('exit', (code, name) => {
        this.#log.write(`chaos: holdfast dev ended with ${name ?? code}\n`)
        // By itself it comes back as a service would.
        if (!this.#stopping && !this.#starting) void this.revive()
      })
      if (await listens) return
      await sleep(200)
    }
  }

  /** Ends what was started; the folder goes unless it is wanted. */
  async stop({ keep }: { keep: boolean }): Promise<void> {
    this.#stopping = true
    await this.#starting
    if (this.#dev && this.devPid !== undefined) {
      const ended = once(this.#dev, 'exit')
      signal(this.devPid, 'SIGTERM')
      const force = setTimeout(() => signal(this.devPid, 'SIGKILL'), 30_000)
      await ended
      clearTimeout(force)
    }
    signal(await this.keeper(), 'SIGTERM')
    await this.link.close()
    await this.temporal.stop()
    await this.gate.close()
    await this.#model.close()
    this.#log.end()
    if (keep) return
    await this.disk?.unmount()
    await rm(this.folder, { recursive: true, force: true, maxRetries: 5 })
  }
}

const settings = `export default ${JSON.stringify(
  {
    worker: { processes: workerProcesses },
    session: { rollOverEvents, retryInitialMs: 100, retryMaximumMs: 1000 },
  },
  undefined,
  2,
)}\n`
