import { readdir } from 'node:fs/promises'
import path from 'node:path'
import type { Packages } from '../../protocol/environments.ts'
import type {
  ContainerLimits,
  ContainerNotice,
  ContainerProvider,
  ContainerSoftware,
  Mount,
} from '../container/provider.ts'
import { packageHosts } from '../egress/package-hosts.ts'
import { aptMounts } from './apt-sources.ts'
import { installScript, placeOf, waysInto } from './install-script.ts'
import { baseOf, layerKey, type Wanted, wantedPackages } from './layer-key.ts'
import { LayerStore } from './layer-store.ts'

export interface PackageLayersOptions {
  /** Folder of the layers; the containers' users have to reach it. */
  directory: string
  containers: Pick<ContainerProvider, 'open' | 'destroy'>
  limits: ContainerLimits
  /** Host names, addresses or CIDRs that may be reached although private. */
  allowPrivate: string[]
  /** Hosts that installations reach beside those of the managers. */
  hosts: string[]
  /** Variables of the programs that install, such as `PIP_INDEX_URL`. What is installed can read them. */
  environment: Record<string, string>
  /** A file in the place of the host's own list of sources. */
  aptSources?: string
  /** Of one manager's installation, milliseconds. */
  timeoutMs: number
}

/** The software of an environment, and what a session has to hear when some of it could not be had. */
export interface Installed {
  software?: ContainerSoftware
  notices: ContainerNotice[]
}

interface Failure {
  attempts: number
  at: number
  message: string
}

const firstPauseMs = 60_000
const longestPauseMs = 30 * 60_000
/** Characters of what a manager said last. */
const lastWords = 1500
/** A container without a call for that long has been stopped: nobody has such a layer any more. */
const unusedMs = 30 * 24 * 3600_000

/** A manager could not install; `message` says why. */
class NotInstalled extends Error {}

/**
 * Installs the packages of environments, each list once on a host, in a container of its own that reaches the managers'
 * hosts. Source: spec §4.1.
 */
export class PackageLayers {
  readonly #of: PackageLayersOptions
  readonly #store: LayerStore
  readonly #building = new Map<string, Promise<string>>()
  readonly #failed = new Map<string, Failure>()

  constructor(options: PackageLayersOptions) {
    this.#of = options
    this.#store = new LayerStore(options.directory)
  }

  /** What an environment's packages are in containers; they are installed when they are not. Without packages, nothing. */
  async of(packages: Packages, signal?: AbortSignal): Promise<Installed> {
    const wanted = wantedPackages(packages)
    if (wanted.length === 0) return { notices: [] }
    const software: ContainerSoftware = { mounts: [], path: [], variables: {}, isComplete: true }
    const notices: ContainerNotice[] = []
    for (const of of wanted) {
      const { manager, names } = of
      try {
        const layer = await this.#layer(of, software.system, signal)
        if (manager === 'apt') software.system = layer
        else software.mounts.push({ target: placeOf(manager), source: layer, mode: 'ro' })
        const ways = waysInto(manager)
        software.path.push(...ways.path)
        Object.assign(software.variables, ways.variables)
      } catch (error) {
        software.isComplete = false
        if (signal?.aborted) break
        if (!(error instanceof NotInstalled)) throw error
        const text = `The environment's ${manager} packages (${names.join(', ')}) could not be installed, and the container is without them; it is tried again later. ${error.message}`
        notices.push({ text, error: { type: 'unknown_error', message: text, retry_status: { type: 'retrying' } } })
      }
    }
    return { software, notices }
  }

  /** Removes layers that nobody has used for long, and what killed installations left. */
  collect(): Promise<void> {
    return this.#store.collect(unusedMs)
  }

  async #layer(wanted: Wanted, system: string | undefined, signal: AbortSignal | undefined): Promise<string> {
    const key = layerKey(wanted, `${await baseOf(wanted.manager)}${system ? path.basename(system) : ''}`)
    const found = await this.#store.find(key)
    if (found) return found
    let building = this.#building.get(key)
    if (!building) {
      const before = this.#failed.get(key)
      if (before && Date.now() - before.at < pause(before.attempts)) throw new NotInstalled(before.message)
      building = this.#store
        .obtain(key, (folder) => this.#install(wanted, key, folder, system))
        .finally(() => this.#building.delete(key))
      building.then(
        () => this.#failed.delete(key),
        ({ message }) => this.#failed.set(key, { attempts: (before?.attempts ?? 0) + 1, at: Date.now(), message }),
      )
      this.#building.set(key, building)
    }
    return unlessAborted(building, signal)
  }

  async #install(wanted: Wanted, key: string, folder: string, system: string | undefined): Promise<void> {
    const { containers, limits, allowPrivate, hosts, environment, aptSources, timeoutMs } = this.#of
    const mounts: Mount[] = [{ target: placeOf(wanted.manager), source: folder, mode: 'rw' }]
    if (wanted.manager === 'apt') mounts.push(...(await aptMounts(aptSources)))
    const sessionId = `packages_${key}`
    // One that a killed process had begun.
    await containers.destroy(sessionId)
    try {
      const container = await containers.open({
        sessionId,
        mounts,
        limits,
        environment,
        egress: {
          mode: 'limited',
          allowedHosts: [...packageHosts, ...hosts],
          routes: [],
          injections: [],
          allowPrivate,
        },
        ...(system && { software: { system, mounts: [], path: [], variables: {}, isComplete: true } }),
      })
      const input = { command: `(\n${installScript(wanted)}\n)`, timeout_ms: timeoutMs }
      const { content, is_error } = await container.call({ id: 'install', name: 'bash', input, timeoutMs })
      const said = content.map((block) => (block.type === 'text' ? block.text : '')).join('\n')
      if (is_error) throw new NotInstalled(said.slice(-lastWords).toWellFormed())
      if ((await readdir(folder)).length === 0 && wanted.manager !== 'apt')
        throw new NotInstalled('nothing was installed')
    } finally {
      await containers.destroy(sessionId)
    }
  }
}

const pause = (attempts: number) => Math.min(longestPauseMs, firstPauseMs * 2 ** (attempts - 1))

/** The installation goes on; who waits for it may stop. */
async function unlessAborted<T>(work: Promise<T>, signal: AbortSignal | undefined): Promise<T> {
  if (!signal) return work
  signal.throwIfAborted()
  const stopped = Promise.withResolvers<never>()
  const stop = () => stopped.reject(signal.reason)
  signal.addEventListener('abort', stop)
  try {
    return await Promise.race([work, stopped.promise])
  } finally {
    signal.removeEventListener('abort', stop)
  }
}
