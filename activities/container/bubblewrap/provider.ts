import { readdir } from 'node:fs/promises'
import { setTimeout as wait } from 'node:timers/promises'
import type { ToolResult } from '../../../protocol/contract.ts'
import { containersRoot, SessionFolder } from '../keeper/session-folder.ts'
import {
  type Container,
  type ContainerCall,
  type ContainerProvider,
  type ContainerSpec,
  ContainerUnavailable,
  type Injection,
  type Probe,
} from '../provider.ts'
import { cgroupVersion } from './cgroups.ts'
import { KeeperClient, KeeperGone } from './keeper-client.ts'
import { explain, tryOut } from './probe.ts'
import { seccompFilter } from './seccomp.ts'
import { SessionFiles } from './session-files.ts'
import { settleAlone } from './settle-alone.ts'

export interface BubblewrapOptions {
  /** Folder of the host's data; one keeper belongs to it. */
  dataDir: string
  /** Milliseconds after which a keeper ends that nobody needs. @default 60000 */
  keeperIdleMs?: number
}

/** Containers by bubblewrap, kept by a process that outlives the workers. */
export class BubblewrapProvider implements ContainerProvider {
  readonly name = 'bubblewrap'
  readonly files: SessionFiles
  readonly #client: KeeperClient
  /** The folder of the sessions' folders, asked for with each call. */
  readonly #root: () => Promise<string>

  constructor({ dataDir, keeperIdleMs = 60_000 }: BubblewrapOptions) {
    let root: Promise<string> | undefined
    this.#root = () => (root ??= containersRoot(dataDir))
    this.files = new SessionFiles(this.#root)
    this.#client = new KeeperClient(dataDir, keeperIdleMs)
  }

  async probe(): Promise<Probe> {
    const version = await cgroupVersion()
    const root = process.getuid?.() === 0
    const enforces = {
      memory: version !== undefined,
      pids: version !== undefined || root,
      cpu: version !== undefined,
      disk: false,
      seccomp: seccompFilter() !== undefined,
      ownUid: root,
    }
    const failure = await tryOut()
    if (failure !== undefined) return { ok: false, ...explain(failure), enforces: { ...enforces, egress: 'none' } }
    return { ok: true, enforces: { ...enforces, egress: 'allowlist' } }
  }

  async open(spec: ContainerSpec): Promise<Container> {
    return {
      call: (call, options) => this.#call(spec, call, options?.signal),
      start: async () => void (await this.#client.ask({ op: 'start', spec })),
    }
  }

  async runs(sessionId: string): Promise<boolean> {
    return this.#client.isConnected && (await this.#client.ask({ op: 'runs', sessionId })) === true
  }

  async withInjections(): Promise<string[]> {
    // Whoever is not connected leaves a keeper that nobody needs to end; who has made the calls is.
    return this.#client.isConnected ? ((await this.#client.ask({ op: 'injected' })) as string[]) : []
  }

  async inject(sessionId: string, injections: Injection[]): Promise<void> {
    if (this.#client.isConnected) await this.#client.ask({ op: 'inject', sessionId, injections })
  }

  async stop(sessionId: string): Promise<void> {
    await this.#client.ask({ op: 'stop', sessionId })
  }

  async destroy(sessionId: string): Promise<void> {
    await this.#client.ask({ op: 'destroy', sessionId })
  }

  async outputsFolder(sessionId: string): Promise<string> {
    return new SessionFolder(await this.#root(), sessionId).layout.outputs
  }

  async list(): Promise<string[]> {
    const folders = await readdir(await this.#root()).catch(() => [])
    return folders.filter((name) => name.startsWith('sesn_'))
  }

  /** Ends the keeper and with it every container; files stay. */
  async shutdown(): Promise<void> {
    await this.#client.shutdown()
  }

  close(): Promise<void> {
    return this.#client.close()
  }

  async #call(spec: ContainerSpec, call: ContainerCall, signal: AbortSignal | undefined): Promise<ToolResult> {
    const { sessionId } = spec
    const over = new AbortController()
    const alone = Promise.withResolvers<ToolResult>()
    let wasHandedIn = false
    const abort = async () => {
      const isAnswered = this.#client.ask({ op: 'abort', sessionId, callId: call.id }).then(
        () => true,
        // It has ended: whoever waits for the call asks the next one, and is not silent.
        () => true,
      )
      if (await Promise.race([isAnswered, patience(over.signal)])) return
      over.abort()
      const { ledger } = new SessionFolder(await this.#root(), sessionId)
      alone.resolve(await settleAlone(ledger, call, { wasHandedIn }))
    }
    const stop = () => void abort().catch(alone.reject)
    signal?.addEventListener('abort', stop, { once: true })
    const answered = async () => {
      for (let tries = 1; ; tries++) {
        try {
          const onHandedIn = () => {
            wasHandedIn = true
          }
          const answer = this.#client.ask({ op: 'call', spec, call }, { unless: over.signal, onHandedIn })
          if (signal?.aborted) stop()
          return (await answer) as ToolResult
        } catch (error) {
          if (tries > 1 && error instanceof ContainerUnavailable) {
            // The keeper before may have begun it, and there is none that could read how far it had come.
            throw new Error(`what ran it was killed, and then: ${error.message}`)
          }
          // A new keeper finds in the ledger how far the call had come: asking again never runs it twice.
          if (!(error instanceof KeeperGone) || tries === 3) throw error
        }
      }
    }
    try {
      return await Promise.race([answered(), alone.promise])
    } finally {
      signal?.removeEventListener('abort', stop)
      // With a reason, for without one each takes a stack trace.
      over.abort('over')
    }
  }
}

/** Milliseconds that a keeper may take to hear that a call is to stop. */
const patienceMs = 5000

/** False after that time, in steps: a process that was frozen itself has not waited. True when it is over before. */
async function patience(over: AbortSignal): Promise<boolean> {
  try {
    for (let step = 0; step < 10; step++) await wait(patienceMs / 10, undefined, { signal: over, ref: false })
    return false
  } catch {
    return true
  }
}
