import { mkdir, readdir, stat } from 'node:fs/promises'
import path from 'node:path'
import type { MemoryStoreResource } from '../../protocol/sessions.ts'
import type { Records, SessionRecord } from '../../store/records.ts'
import { alone } from '../alone.ts'
import { ContainerUnavailable, type Mount } from '../container/provider.ts'
import { removeTree } from '../remove-tree.ts'
import { Manifests } from './manifest.ts'
import { notes, type Unsaved } from './notes.ts'
import { StoreFolder } from './store-folder.ts'
import { hasChanges, type SyncTask, synchronise } from './synchronise.ts'

export interface SessionMemoryOptions {
  /** Where the folders lie: on the file system of the host, reachable for the containers' users. */
  directory: string
  records: Pick<Records, 'memories' | 'memoryStores' | 'sessions'>
  /** Takes what went wrong in a comparison; it is repeated at the next opportunity. @default written to standard error */
  onFault?: (error: unknown, sessionId: string) => void
}

const storesOf = ({ resources }: Pick<SessionRecord, 'resources'>): MemoryStoreResource[] =>
  resources.filter((resource) => resource.type === 'memory_store')

/**
 * The memory stores of this host's sessions as folders: one for each session and store, mounted into the container,
 * made the same as the store before and after every tool call. Source: spec §17.5.
 *
 * A session's folders are worked on by one process at a time. Sessions without stores cost nothing.
 */
export class SessionMemory {
  readonly #directory: string
  readonly #records: SessionMemoryOptions['records']
  readonly #onFault: NonNullable<SessionMemoryOptions['onFault']>
  readonly #manifests = new Manifests()

  constructor({ directory, records, onFault }: SessionMemoryOptions) {
    this.#directory = directory
    this.#records = records
    this.#onFault = onFault ?? ((error, sessionId) => console.error(`memory of ${sessionId}:`, error))
  }

  /**
   * Makes the session's folders, shows the stores' newest state in them, and says how they are mounted. When the stores
   * cannot be read now, the folders show what they did before.
   * @throws ContainerUnavailable when a folder cannot be made
   */
  async prepare(session: SessionRecord): Promise<Mount[]> {
    const stores = storesOf(session)
    if (stores.length === 0) return []
    for (const store of stores) {
      await StoreFolder.make(this.#folderOf(session.id, store)).catch((cause: Error) => {
        throw new ContainerUnavailable({ tried: ['memory folders'], reason: cause.message, cause })
      })
    }
    await this.#synchronise(session)
    return stores.map((store) => ({
      target: store.mount_path,
      source: StoreFolder.source(this.#folderOf(session.id, store)),
      mode: store.access === 'read_write' ? 'rw' : 'ro',
    }))
  }

  /**
   * Makes versions of what the agent has written. Never fails: what could not be done now is done later.
   * @param options.all says everything that is not saved, not only what the agent has not been told yet
   * @returns what the agent has to know, if anything
   */
  async save(session: SessionRecord, { all = false }: { all?: boolean } = {}): Promise<string | undefined> {
    const stores = storesOf(session)
    if (stores.length === 0) return undefined
    const faulty = await this.#synchronise(session)
    const unsaved: Unsaved[] = []
    await this.#alone(session.id, async () => {
      for (const store of stores) {
        const folder = this.#folderOf(session.id, store)
        const manifest = await this.#manifests.load(folder)
        const problems = [...manifest.problems, ...manifest.unshown]
        const news = problems.filter(([, { told }]) => all || !told)
        unsaved.push(...news.map(([at, { reason }]) => ({ path: store.mount_path + at, reason })))
        if (!news.some(([, { told }]) => !told)) continue
        for (const [, problem] of news) problem.told = true
        await this.#manifests.save(folder, manifest)
      }
    }).catch((error) => this.#onFault(error, session.id))
    return notes(unsaved, faulty)
  }

  /**
   * Saves what the agent has left behind, of a session that may be idle for ever.
   * @returns false when that did not work for every store
   */
  async settle(sessionId: string): Promise<boolean> {
    if (!(await exists(path.join(this.#directory, sessionId)))) return true
    const session = await this.#records.sessions.get(sessionId)
    return !session || (await this.#synchronise(session, { onlyWhenChanged: true })).length === 0
  }

  /** Removes the session's folders. */
  async remove(sessionId: string): Promise<void> {
    await this.#alone(sessionId, () => removeTree(path.join(this.#directory, sessionId)))
  }

  /** Sessions that have folders here. */
  async sessions(): Promise<string[]> {
    await mkdir(this.#directory, { recursive: true, mode: 0o711 })
    return readdir(this.#directory)
  }

  /** @returns the stores that it did not work for */
  async #synchronise(
    session: SessionRecord,
    { onlyWhenChanged = false }: { onlyWhenChanged?: boolean } = {},
  ): Promise<MemoryStoreResource[]> {
    const faulty: MemoryStoreResource[] = []
    await this.#alone(session.id, async () => {
      for (const resource of storesOf(session)) {
        const directory = this.#folderOf(session.id, resource)
        const task: SyncTask = {
          records: this.#records,
          manifests: this.#manifests,
          sessionId: session.id,
          resource,
          directory,
        }
        try {
          if (onlyWhenChanged && !((await exists(StoreFolder.source(directory))) && (await hasChanges(task)))) continue
          await synchronise(task)
        } catch (error) {
          this.#onFault(error, session.id)
          faulty.push(resource)
        }
      }
    })
    return faulty
  }

  #alone<T>(sessionId: string, work: () => Promise<T>): Promise<T> {
    return alone(path.join(this.#directory, sessionId), work)
  }

  #folderOf(sessionId: string, { memory_store_id }: MemoryStoreResource): string {
    return path.join(this.#directory, sessionId, memory_store_id)
  }
}

async function exists(file: string): Promise<boolean> {
  return stat(file).then(
    () => true,
    () => false,
  )
}
