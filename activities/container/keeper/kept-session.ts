import { open, rm } from 'node:fs/promises'
import type { ToolResult } from '../../../protocol/contract.ts'
import { type ContainerCall, type ContainerSpec, ContainerUnavailable, type Injection } from '../provider.ts'
import { notBegun } from '../supervisor/result.ts'
import { attemptCheckout } from './checkout-attempt.ts'
import { Checkouts } from './checkouts.ts'
import { type Host, Housing } from './housing.ts'
import { CallLost, type KeptContainer } from './kept-container.ts'
import { KeptNotices } from './kept-notices.ts'
import { KeptResults } from './kept-results.ts'
import { type Entry, fingerprint, Ledger } from './ledger.ts'
import { restarted, rested, revived, unknown, withNews } from './results.ts'
import { SessionFolder } from './session-folder.ts'

interface Running {
  fingerprint: string
  result: Promise<ToolResult>
}

/** A session on this host: its folder, its container when there is one, its ledger, its calls. */
export class KeptSession {
  readonly id: string
  readonly #host: Host
  readonly #folder: SessionFolder
  readonly #ledger: Ledger
  readonly #running = new Map<string, Running>()
  readonly #results: KeptResults
  /** Calls that are to stop, also before they have begun. */
  readonly #aborted = new Set<string>()
  /** Wakes calls that wait for a repository or the container and are to stop. */
  readonly #wake = new Map<string, () => void>()
  readonly #checkouts: Checkouts
  readonly #notices = new KeptNotices()
  /** While something is under way that needs it: whoever needs a container brings its own, and it holds secrets. */
  #spec: ContainerSpec | undefined
  #idleMs: number | undefined
  /** Attempts to have the container there that are under way. */
  #preparing = 0
  #housing: Housing | undefined
  #starting: Promise<KeptContainer> | undefined
  /** Ends a container that nobody needs. */
  #idle: NodeJS.Timeout | undefined
  #ending: Promise<void> | undefined
  #isFormerKnown = false
  #isDestroyed = false
  /** What the container that runs was started with. */
  #mounted = ''

  constructor(host: Host, id: string) {
    this.id = id
    this.#host = host
    this.#folder = new SessionFolder(host.root, id)
    this.#ledger = new Ledger(this.#folder.ledger)
    this.#results = new KeptResults(id, this.#ledger)
    this.#checkouts = new Checkouts(this.#folder.checkouts, (wanted) => attemptCheckout(wanted, () => this.#ready()))
  }

  get busy(): boolean {
    return this.#running.size > 0
  }

  /** Whether its container is there, or about to be. */
  get runs(): boolean {
    return this.#starting !== undefined || this.#housing?.container?.ended === false
  }

  /** Whether nothing of it is under way or unsaved: one made anew of its folder does as well, and tells its news again. */
  get isAtRest(): boolean {
    return !this.busy && this.#preparing === 0 && !this.#ending && !this.runs && this.#results.areSaved
  }

  /** Whether its container was given placeholders of secrets. */
  get hasInjections(): boolean {
    return this.#housing?.hasInjections ?? false
  }

  inject(injections: Injection[]): void {
    this.#housing?.inject(injections)
  }

  open(spec: ContainerSpec): void {
    this.#spec = spec
    this.#idleMs = spec.limits.idleMs
    this.#housing?.renew(spec.egress)
  }

  /** Has container and repositories there before a call needs them. */
  async start(): Promise<void> {
    clearTimeout(this.#idle)
    try {
      await this.#prepared()
    } finally {
      this.#restLater()
    }
  }

  /** Runs the call, or joins it, or gives what is known of it. See Container.call. */
  async call(call: ContainerCall): Promise<ToolResult> {
    const print = fingerprint(call)
    const running = this.#running.get(call.id)
    if (running) {
      checkSame(call.id, running.fingerprint, print)
      return running.result
    }
    clearTimeout(this.#idle)
    const result = this.#settle(call, print)
    this.#running.set(call.id, { fingerprint: print, result })
    try {
      return await result
    } finally {
      this.#running.delete(call.id)
      this.#aborted.delete(call.id)
      this.#letGo()
      this.#restLater()
    }
  }

  /** Stops a call that is running or about to. */
  abort(id: string): void {
    if (!this.#running.has(id)) return
    this.#aborted.add(id)
    this.#wake.get(id)?.()
    this.#housing?.container?.stopCall(id)
  }

  /** Ends the container because somebody wants that: the next one has nothing to tell of it. */
  async stop(): Promise<void> {
    this.#isFormerKnown = false
    await rm(this.#folder.begun, { force: true })
    await this.end()
  }

  /** Ends the container, when there is one. */
  end(): Promise<void> {
    clearTimeout(this.#idle)
    this.#ending ??= this.#end().finally(() => {
      this.#ending = undefined
    })
    return this.#ending
  }

  async #end(): Promise<void> {
    await this.#starting?.catch(() => {})
    await this.#housing?.end()
    this.#housing = undefined
  }

  #letGo(): void {
    if (!this.busy && this.#preparing === 0) this.#spec = undefined
  }

  #restLater(): void {
    const idleMs = this.#idleMs
    if (idleMs === undefined || this.busy) return
    clearTimeout(this.#idle)
    this.#idle = setTimeout(() => {
      if (this.busy || (this.#housing?.container?.ended ?? true)) return
      this.#notices.add(rested(idleMs))
      this.end().catch(() => {})
    }, idleMs).unref()
  }

  async destroy(): Promise<void> {
    this.#isDestroyed = true
    await this.end()
    await this.#folder.remove()
  }

  async #settle(call: ContainerCall, print: string): Promise<ToolResult> {
    const entry = this.#results.read(call.id)
    if (entry.state !== 'none') return this.#known(call.id, entry, print)
    this.#stopForsaken(call)
    const container = await this.#unlessStopped(call.id, this.#prepared())
    if (!container) {
      const result = notBegun()
      this.#results.record(call.id, print, result)
      return result
    }
    const repositories = this.#checkouts.takeNews()
    const news = [...repositories.notices, ...this.#notices.take(this.#spec?.notices)]
    await this.#ledger.start(call.id, print).catch((cause: NodeJS.ErrnoException) => {
      const fix = cause.code === 'ENOSPC' ? 'free space on the disk of the data folder' : undefined
      throw new ContainerUnavailable({
        tried: ['bubblewrap'],
        reason: `the ledger cannot be written (${cause.message})`,
        fix,
        cause,
      })
    })
    let result: ToolResult
    try {
      const running = container.call(call, (text) => this.#ledger.append(call.id, text))
      // The wish to stop may have come while the ledger was written.
      if (this.#aborted.has(call.id)) container.stopCall(call.id)
      result = await running
    } catch (error) {
      if (!(error instanceof CallLost)) throw error
      result = unknown(error.message, this.#ledger.output(call.id))
    }
    result = withNews(result, news)
    this.#results.record(call.id, print, result)
    repositories.told()
    return result
  }

  /** Waits for what a call needs. Undefined when the call is to stop meanwhile; what was begun goes on for the next one. */
  async #unlessStopped<T>(callId: string, prepared: Promise<T>): Promise<T | undefined> {
    const stopped = Promise.withResolvers<undefined>()
    this.#wake.set(callId, () => stopped.resolve(undefined))
    if (this.#aborted.has(callId)) stopped.resolve(undefined)
    try {
      // Who is stopped does not hear how it ended; the next one does.
      prepared.catch(() => {})
      return await Promise.race([prepared, stopped.promise])
    } finally {
      this.#wake.delete(callId)
    }
  }

  /** The session's container, with its repositories in it. */
  async #prepared(): Promise<KeptContainer> {
    this.#preparing++
    try {
      await this.#checkouts.ensure(this.#spec?.repositories ?? [])
      return await this.#ready()
    } finally {
      this.#preparing--
      this.#letGo()
    }
  }

  #known(id: string, entry: Exclude<Entry, { state: 'none' }>, print: string): ToolResult {
    checkSame(id, entry.fingerprint, print)
    if (entry.state === 'done') return entry.result
    // It was begun by a keeper that is no more, and its container went with it.
    const result = unknown('what ran it was killed', this.#ledger.output(id))
    this.#results.record(id, print, result)
    return result
  }

  async #ready(): Promise<KeptContainer> {
    if (!this.#spec)
      throw new ContainerUnavailable({ tried: ['bubblewrap'], reason: 'the session was not opened here' })
    // What is being ended must not be taken for a container that runs.
    await this.#ending?.catch(() => {})
    if (this.#isDestroyed) throw new ContainerUnavailable({ tried: [], reason: 'the session is gone' })
    const { mounts, egress, environment, software } = this.#spec
    const injects = (egress?.injections.length ?? 0) > 0
    // Software that changes is for the next container; that which could not be had is waited for.
    const hasSoftware = software?.isComplete !== false
    const wanted = JSON.stringify([mounts, egress !== undefined, injects, environment, hasSoftware])
    const current = this.#housing?.container
    if (current && !current.ended && (this.#mounted === wanted || current.busy)) return current
    this.#starting ??= this.#start(this.#spec, wanted).finally(() => {
      this.#starting = undefined
    })
    return this.#starting
  }

  async #start(spec: ContainerSpec, mounted: string): Promise<KeptContainer> {
    if (this.#housing?.container?.ended === false) this.#notices.add(restarted)
    await this.#housing?.end()
    try {
      const uid = await this.#folder.prepare()
      await this.#noticeFormer()
      // At once: what changes while it starts holds too.
      this.#housing = new Housing(this.#host, this.#folder)
      const container = await this.#housing.start(spec, uid)
      this.#mounted = mounted
      for (const notice of this.#housing.notices) this.#notices.add(notice)
      return container
    } catch (cause) {
      const reason = cause instanceof Error ? cause.message : String(cause)
      throw new ContainerUnavailable({ tried: ['bubblewrap'], reason, cause })
    }
  }

  /** Such as a command whose worker died just when it was interrupted: it would hold up this call. */
  #stopForsaken({ id, beside }: ContainerCall): void {
    if (!beside) return
    const wanted = [id, ...beside]
    for (const running of this.#running.keys()) {
      // What is written for a call has its id with an ending.
      if (!wanted.some((known) => running === known || running.startsWith(`${known}_`))) this.abort(running)
    }
  }

  /** A container that another keeper had ended with it. */
  async #noticeFormer(): Promise<void> {
    if (this.#isFormerKnown) return
    this.#isFormerKnown = true
    const mark = await open(this.#folder.begun, 'ax', 0o600).catch((error: NodeJS.ErrnoException) => {
      if (error.code === 'EEXIST') this.#notices.add(revived)
    })
    await mark?.close()
  }
}

function checkSame(id: string, known: string, given: string): void {
  if (known !== given) throw new Error(`call ${id} was made before with another input`)
}
