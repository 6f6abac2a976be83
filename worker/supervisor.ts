import { type ChildProcess, fork } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import os from 'node:os'
import path from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { pathToFileURL } from 'node:url'
import { lowerPriority, niceness } from '../activities/priority.ts'
import type { SupervisorMessage, WorkerConfig, WorkerMessage } from './config-of-worker.ts'
import { activityKey, type OpenActivity } from './open-activity.ts'
import { extension, packageRoot } from './package-root.ts'
import { Pulse, type PulsePace } from './pulse.ts'
import { RestartPace } from './restart-pace.ts'

/** Node's arguments that set up each thread of a worker. `--require` would come before a thread knows its program. */
export const threadSetup = [
  '--import',
  pathToFileURL(path.join(packageRoot, 'worker', `thread-setup${extension}`)).href,
]

export interface SupervisorOptions {
  /** The worker's program; it is forked with IPC. */
  program: string | URL
  /** What every process is told, except for its identity. */
  config: Omit<WorkerConfig, 'identity'>
  /** @default 1 */
  processes?: number
  /** @default process.env */
  env?: NodeJS.ProcessEnv
  /** Called with the proof that a worker process is dead. */
  onDeath?: (death: WorkerDeath) => Promise<void>
  /** A preview of a session's reply that a worker published. */
  onPreview?: (sessionId: string, preview: unknown) => void
  log: (line: string) => void
  /** How soon a dead process is replaced. */
  pace?: RestartPace
  /** How long a process may be silent before it is killed and replaced. @default half a minute */
  pulse?: PulsePace
  /**
   * Keep one more process that has everything loaded and takes over at once when another dies: a second of CPU time and
   * some 100 MB for work that goes on in a quarter of a second. @default false
   */
  standby?: boolean
}

export interface WorkerDeath {
  identity: string
  pid: number
  /** Activities that it reported as started and not as ended. */
  openActivities: OpenActivity[]
  /** Ids of the workflows that it was at lately, the newest last: their tasks may wait in its sticky queue. */
  recentWorkflows: string[]
}

const recentWorkflows = 200
/** The last messages of a dead process are waited for this long, unless its channel closes before. */
const lastWordsMs = 100

/** One worker process that is to run always; `child` changes with each death. */
interface Place {
  index: number
  child: ChildProcess
  identity: string
  ready: boolean
  /** When it became ready, on the clock of `performance.now()`. */
  readyAt?: number
  /** A standby that could take over now. */
  prepared: boolean
  open: Map<string, OpenActivity>
  recent: Set<string>
  /** Resolves when its death has been dealt with. */
  ended: Promise<void>
}

/** Keeps the worker processes running: sees them die, says what they left open, replaces them. */
export class Supervisor {
  readonly #options: SupervisorOptions
  readonly #places = new Map<number, Place>()
  #standby: Place | undefined
  readonly #pace: RestartPace
  readonly #restarts = new Set<NodeJS.Timeout>()
  readonly #burials = new Set<Promise<void>>()
  /** Sessions whose previews somebody listens to. */
  readonly #previewed = new Set<string>()
  readonly #pulse: Pulse<Place> | undefined
  #stopping = false
  #everReady = false
  #ready = Promise.withResolvers<void>()

  constructor(options: SupervisorOptions) {
    this.#options = options
    this.#pace = options.pace ?? new RestartPace()
    // One that stands still in a debugger is silent too.
    if (process.execArgv.some((argument) => argument.startsWith('--inspect'))) return
    this.#pulse = new Pulse(
      () => this.#all.filter(({ ready, prepared }) => ready || prepared),
      { ask: (place) => tell(place, { type: 'ask' }), silent: (place) => this.#giveUp(place) },
      options.pulse,
    )
  }

  /**
   * Starts the processes. Resolves when each of them polls for work.
   * @throws Error when they die again and again before that
   */
  start(): Promise<void> {
    for (let index = 0; index < this.#processes; index++) this.#fork(index)
    return this.#ready.promise
  }

  get #processes(): number {
    return this.#options.processes ?? 1
  }

  /** Ids of the worker processes that run. */
  get pids(): number[] {
    return [...this.#places.values()].flatMap(({ child }) => child.pid ?? [])
  }

  /** Id of the standby, once it could take over. */
  get standbyPid(): number | undefined {
    return this.#standby?.prepared ? this.#standby.child.pid : undefined
  }

  /** Previews of other sessions than those that are wanted are not even sent. */
  wantPreviews(sessionId: string, areWanted: boolean): void {
    if (areWanted) this.#previewed.add(sessionId)
    else this.#previewed.delete(sessionId)
    for (const place of this.#all) tell(place, { type: 'previews', sessionIds: [sessionId], areWanted })
  }

  /** See `Bus.interrupted`. */
  interrupted(sessionId: string, sentAt: number): void {
    for (const place of this.#places.values()) tell(place, { type: 'interrupted', sessionId, sentAt })
  }

  /** Ends the processes: each finishes what it can within its own grace time, after that it is killed. */
  async stop(): Promise<void> {
    this.#stopping = true
    this.#pulse?.stop()
    for (const timer of this.#restarts) clearTimeout(timer)
    const graceMs = this.#options.config.shutdownGraceMs + 5000
    await Promise.all(this.#all.map((place) => end(place, graceMs)))
    await Promise.all(this.#burials)
  }

  /** Ends the processes at once. What they were at is found and settled by the next start. */
  kill(): void {
    this.#stopping = true
    this.#pulse?.stop()
    for (const { child } of this.#all) child.kill('SIGKILL')
  }

  get #all(): Place[] {
    return [...this.#places.values(), ...(this.#standby ? [this.#standby] : [])]
  }

  #fork(index: number): void {
    try {
      this.#places.set(index, this.#start(index, false))
    } catch (error) {
      this.#replace(index, notStarted((error as Error).message))
    }
  }

  /** Keeps one process in reserve, once the others work. */
  #reserve(): void {
    if (!this.#options.standby || this.#standby || this.#stopping) return
    try {
      this.#standby = this.#start(this.#processes, true)
    } catch (error) {
      this.#options.log(`worker: ${(error as Error).message}`)
      this.#reserveLater()
    }
  }

  #reserveLater(): void {
    this.#later(() => this.#reserve(), this.#pace.delay(performance.now()))
  }

  /** Gives a dead process's place to the reserve. False when that is not ready for it. */
  #promote(index: number): boolean {
    const standby = this.#standby
    if (!standby?.prepared) return false
    this.#standby = undefined
    standby.index = index
    this.#places.set(index, standby)
    tell(standby, { type: 'work' })
    return true
  }

  /** @throws what only some failures of the system are; others are told by the child's event */
  #start(index: number, standby: boolean): Place {
    const { program, config, env = process.env, log } = this.#options
    const identity = `${os.hostname()}-${index}-${randomBytes(6).toString('hex')}`
    // In a process group of its own: Ctrl-C in the terminal is for us, who let it finish its work.
    const child = fork(program, [], {
      execArgv: [...process.execArgv, ...threadSetup],
      env: {
        // A third of the time that a replacement takes to start is reading and compiling its code.
        NODE_COMPILE_CACHE: path.join(config.dataDir, 'compile-cache'),
        ...env,
        HOLDFAST_WORKER_CONFIG: JSON.stringify({ ...config, identity } satisfies WorkerConfig),
        ...(standby && { HOLDFAST_WORKER_STANDBY: 'yes' }),
      },
      detached: true,
    })
    if (child.pid !== undefined) lowerPriority(niceness.workers, child.pid)
    const ended = Promise.withResolvers<void>()
    const place: Place = {
      index,
      child,
      identity,
      ready: false,
      prepared: false,
      open: new Map(),
      recent: new Set(),
      ended: ended.promise,
    }
    if (this.#previewed.size > 0) tell(place, { type: 'previews', sessionIds: [...this.#previewed], areWanted: true })
    child.on('message', (message: WorkerMessage) => this.#hear(place, message))
    // A keeper that the process started may hold its channel open: not every death closes it.
    const closed = new Promise<void>((resolve) => child.once('disconnect', resolve))
    child.once('exit', async (code, signal) => {
      await Promise.race([closed, sleep(lastWordsMs)])
      this.#died(place, signal ?? `code ${code}`)
      ended.resolve()
    })
    child.on('error', (error) => {
      log(`worker: ${error.message}`)
      // One that was never there does not exit.
      if (child.pid !== undefined) return
      this.#died(place, error.message)
      ended.resolve()
    })
    return place
  }

  #hear(place: Place, message: WorkerMessage): void {
    switch (message.type) {
      case 'ready':
        place.ready = true
        place.readyAt = performance.now()
        if (this.#places.size === this.#processes && [...this.#places.values()].every(({ ready }) => ready)) {
          this.#everReady = true
          this.#ready.resolve()
          this.#reserve()
        }
        break
      case 'standby':
        place.prepared = true
        break
      case 'activities': {
        const { started, ended } = message
        if (started) place.open.set(activityKey(started), started)
        for (const activity of ended) place.open.delete(activityKey(activity))
        for (const { workflowId } of [...ended, ...(started ? [started] : [])]) remember(place.recent, workflowId)
        break
      }
      case 'here':
        this.#pulse?.answered(place)
        break
      case 'preview':
        this.#options.onPreview?.(message.sessionId, message.preview)
        break
    }
  }

  #died(place: Place, how: string): void {
    if (place === this.#standby) {
      this.#standby = undefined
      this.#reserveLater()
      return
    }
    this.#places.delete(place.index)
    const { identity, child, open, recent } = place
    if (child.pid === undefined) {
      this.#replace(place.index, notStarted(how))
      return
    }
    if (this.#stopping && open.size === 0) return
    this.#bury({ identity, pid: child.pid, openActivities: [...open.values()], recentWorkflows: [...recent] })
    this.#replace(
      place.index,
      `worker process ${child.pid} ended (${how}), ${open.size} open activities`,
      place.readyAt,
    )
  }

  #replace(index: number, why: string, readyAt?: number): void {
    if (this.#stopping) return
    const { log } = this.#options
    if (this.#promote(index)) {
      log(`${why}; another takes over`)
      return
    }
    const delayMs = this.#pace.delay(performance.now(), readyAt)
    if (delayMs > 0 && !this.#everReady) {
      this.#ready.reject(new Error(`${why}, again and again before it could work: what it said stands above`))
      return
    }
    log(`${why}; ${delayMs === 0 ? 'restarting' : `restarting in ${delayMs / 1000} s`}`)
    this.#later(() => this.#fork(index), delayMs)
  }

  /** It is alive and does nothing: what it was at goes on elsewhere once it is dead. */
  #giveUp({ child }: Place): void {
    this.#options.log(`worker process ${child.pid} has not answered for ${this.#pulse!.patience} s: it is killed`)
    child.kill('SIGKILL')
  }

  #later(start: () => void, delayMs: number): void {
    if (this.#stopping) return
    const timer = setTimeout(() => {
      this.#restarts.delete(timer)
      start()
    }, delayMs)
    this.#restarts.add(timer)
  }

  #bury(death: WorkerDeath): void {
    const { onDeath, log } = this.#options
    if (!onDeath) return
    const burial = onDeath(death)
      // Nothing is lost when this fails: the server's own time-outs find the same, some seconds later.
      .catch((error: Error) => log(`worker ${death.identity}: its activities could not be failed: ${error.message}`))
      .finally(() => this.#burials.delete(burial))
    this.#burials.add(burial)
  }
}

const notStarted = (why: string) => `a worker process could not be started (${why})`

function remember(recent: Set<string>, workflowId: string): void {
  recent.delete(workflowId)
  recent.add(workflowId)
  if (recent.size > recentWorkflows) recent.delete(recent.values().next().value!)
}

/** One that has died hears nothing, and its replacement is told by itself. */
function tell({ child }: Place, message: SupervisorMessage): void {
  if (child.connected) child.send(message, () => {})
}

async function end({ child, ended }: Place, graceMs: number): Promise<void> {
  const force = setTimeout(() => child.kill('SIGKILL'), graceMs)
  child.kill('SIGTERM')
  await ended
  clearTimeout(force)
}
