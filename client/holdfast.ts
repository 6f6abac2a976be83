import type { Connection, ConnectionOptions } from '@temporalio/client'
import { type Bus, LocalBus } from '../log/bus.ts'
import { HoldfastCodec } from '../log/payload-codec.ts'
import { SessionLogs } from '../log/session-logs.ts'
import type { SessionSettings } from '../protocol/contract.ts'
import { invalidRequest } from '../protocol/errors.ts'
import type { Prices } from '../protocol/prices.ts'
import type { Blobs } from '../store/blobs.ts'
import type { Records } from '../store/records.ts'
import type { SecretBox } from '../store/secrets.ts'
import { createAgentsApi } from './agents.ts'
import type { AgentsApi, EnvironmentsApi, FilesApi, HoldfastApi, SessionsApi } from './api.ts'
import { HoldfastClosed } from './closed.ts'
import { connect, connectForReading } from './connection.ts'
import { DeploymentClocks } from './deployment-clocks.ts'
import { createDeploymentRunsApi, DeploymentRunner } from './deployment-runs.ts'
import { createDeploymentsApi } from './deployments.ts'
import type { DeploymentRunsApi, DeploymentsApi } from './deployments-api.ts'
import { createEnvironmentsApi } from './environments.ts'
import { createFilesApi } from './files.ts'
import { guarded } from './guarded.ts'
import type { MemoryStoresApi } from './memory-api.ts'
import { createMemoryStoresApi } from './memory-stores.ts'
import type { Runtime } from './runtime.ts'
import { createSchedulesApi } from './schedules.ts'
import type { SchedulesApi } from './schedules-api.ts'
import { Session } from './session.ts'
import { createSessionsApi } from './sessions.ts'
import { createSkillsApi } from './skills.ts'
import type { SkillsApi } from './skills-api.ts'
import { createVaultsApi } from './vaults.ts'
import type { VaultsApi } from './vaults-api.ts'

export interface HoldfastOptions {
  /** How to reach Temporal. */
  connection: ConnectionOptions
  namespace: string
  taskQueue: string
  records: Records
  blobs: Blobs
  settings: SessionSettings
  /** Prices of models beside the list prices, or in their place. */
  prices?: Prices
  /** Seals the secrets that go into the records. */
  secrets: SecretBox
  /** Host names, addresses or CIDRs that may be reached although private. @default none */
  allowPrivate?: readonly string[]
  /** There is a provider for `web_search`. @default false */
  webSearch?: boolean
  /** AES-256 key of the payloads in Temporal; without one they are readable there. */
  encryptionKey?: Uint8Array
  /** Brings the workers' token previews, and word of interrupts to them; without one there are no previews. */
  bus?: Bus
}

/** The client: the API's resources over Temporal and the stores, without HTTP. */
export class Holdfast implements HoldfastApi {
  readonly agents: AgentsApi
  readonly deployments: DeploymentsApi
  readonly deploymentRuns: DeploymentRunsApi
  readonly environments: EnvironmentsApi
  readonly files: FilesApi
  readonly memoryStores: MemoryStoresApi
  readonly schedules: SchedulesApi
  readonly sessions: SessionsApi
  readonly skills: SkillsApi
  readonly vaults: VaultsApi
  readonly runtime: Runtime
  #closed = false

  private constructor(runtime: Runtime) {
    const check = () => {
      if (this.#closed) throw new HoldfastClosed()
    }
    this.runtime = runtime
    const clocks = new DeploymentClocks(runtime)
    const sessions = createSessionsApi(runtime)
    const runner = new DeploymentRunner(runtime, clocks, sessions)
    this.agents = guarded(createAgentsApi(runtime.records, { webSearch: runtime.webSearch, clocks }), check)
    this.deployments = guarded(createDeploymentsApi(runtime, { clocks, runner }), check)
    this.deploymentRuns = guarded(createDeploymentRunsApi(runtime), check)
    this.environments = guarded(createEnvironmentsApi(runtime.records), check)
    this.files = guarded(createFilesApi(runtime.records, runtime.blobs), check)
    this.memoryStores = guarded(createMemoryStoresApi(runtime.records), check)
    this.sessions = guarded<SessionsApi>(sessions, check)
    this.skills = guarded(createSkillsApi(runtime.records, runtime.blobs), check)
    this.vaults = guarded(createVaultsApi(runtime), check)
    this.schedules = guarded(createSchedulesApi(runtime, this), check)
  }

  static async connect(options: HoldfastOptions): Promise<Holdfast> {
    const {
      namespace,
      taskQueue,
      records,
      blobs,
      settings,
      secrets,
      allowPrivate = [],
      webSearch = false,
      encryptionKey,
      prices,
      bus = new LocalBus(),
    } = options
    const connection: Connection = await connect(options.connection)
    const reading = await connectForReading(options.connection)
    const codec = new HoldfastCodec({ blobs, ...(encryptionKey && { key: encryptionKey }) })
    const logs = new SessionLogs({ connection: reading, namespace, codec }, blobs)
    return new Holdfast({
      connection,
      reach: options.connection,
      namespace,
      taskQueue,
      codec,
      records,
      blobs,
      logs,
      bus,
      settings,
      secrets,
      allowPrivate,
      webSearch,
      ...(prices && { prices }),
    })
  }

  /** The client over parts that somebody else opened, and closes. */
  static over(runtime: Runtime): Holdfast {
    return new Holdfast(runtime)
  }

  /** A handle on a session by its id; nothing is asked before it is used. */
  session(id: string): Session {
    if (typeof id !== 'string') throw invalidRequest('session: needs an id')
    // What a handle does it does by the runtime, which is looked at each time.
    const whileOpen: ProxyHandler<Runtime> = {
      get: (runtime, name) => {
        if (this.#closed) throw new HoldfastClosed(id)
        return runtime[name as keyof Runtime]
      },
    }
    return new Session(id, new Proxy(this.runtime, whileOpen), this.sessions)
  }

  /** Closes the connection to Temporal and the records. */
  async close(): Promise<void> {
    this.#closed = true
    await this.runtime.logs.close()
    await this.runtime.connection.close()
    await this.runtime.records.close()
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }
}
