import { setTimeout as wait } from 'node:timers/promises'
import type { Connection } from '@temporalio/client'
import { isNotFound } from '../log/tail.ts'
import type { Records } from '../store/records.ts'
import { aloneOrNot } from './alone.ts'
import type { ContainerFiles, ContainerProvider } from './container/provider.ts'
import type { SessionMemory } from './memory/session-memory.ts'
import type { Mounts } from './mounts.ts'
import type { PackageLayers } from './packages/package-layers.ts'
import type { SessionSkills } from './skills/session-skills.ts'

export interface OrphansDependencies {
  connection: Connection
  namespace: string
  records: Pick<Records, 'sessions'>
  containers: Pick<ContainerProvider, 'list' | 'destroy'> & { files: Pick<ContainerFiles, 'collect'> }
  mounts: Pick<Mounts, 'remove' | 'sessions'>
  memory: Pick<SessionMemory, 'remove' | 'sessions'>
  packages: Pick<PackageLayers, 'collect'>
  skills: Pick<SessionSkills, 'collect'>
  /** @default console.error */
  say?: (line: string) => void
}

/** Milliseconds from one look to the next. */
const defaultIntervalMs = 30 * 60_000
/** With fewer folders than this it means nothing that all of them are orphans. */
const fewest = 4

/**
 * Folders and containers on this host of sessions that are nowhere any more, such as those of a host that was restored
 * from an old backup. Only this host's own folders are looked at. What the records or Temporal know of is left alone,
 * also while it is being erased; and an orphan has to be one twice.
 */
export class Orphans {
  readonly #of: OrphansDependencies
  #suspected = new Set<string>()

  constructor(dependencies: OrphansDependencies) {
    this.#of = dependencies
  }

  /** Looks once. Returns the sessions whose folders were removed; what cannot be removed does not keep the others. */
  async collect(): Promise<string[]> {
    const { containers, mounts, memory, packages, skills, say = console.error } = this.#of
    await this.#tried('what was half restored', () => containers.files.collect())
    await this.#tried('packages that nobody uses', () => packages.collect())
    await this.#tried('skills that nobody uses', () => skills.collect())
    const found = new Set([...(await containers.list()), ...(await mounts.sessions()), ...(await memory.sessions())])
    const orphans: string[] = []
    for (const id of found) if (await this.#isOrphan(id)) orphans.push(id)
    if (orphans.length === found.size && found.size >= fewest) {
      say(
        `none of the ${found.size} sessions with folders here is in the records: nothing is removed (are they the right ones?)`,
      )
      return []
    }
    const removed: string[] = []
    for (const id of orphans.filter((orphan) => this.#suspected.has(orphan))) {
      const left = `what was left of ${id}, a session that is nowhere any more`
      const isGone = await this.#tried(left, async () => {
        await containers.destroy(id)
        await mounts.remove(id)
        await memory.remove(id)
      })
      if (!isGone) continue
      removed.push(id)
      say(`removed ${left}`)
    }
    this.#suspected = new Set(orphans)
    return removed
  }

  async #tried(what: string, removal: () => Promise<void>): Promise<boolean> {
    try {
      await removal()
      return true
    } catch (error) {
      const { say = console.error } = this.#of
      say(`could not remove ${what}: ${(error as Error).message}`)
      return false
    }
  }

  async #isOrphan(id: string): Promise<boolean> {
    const { connection, namespace, records } = this.#of
    if (await records.sessions.get(id)) return false
    try {
      await connection.workflowService.describeWorkflowExecution({ namespace, execution: { workflowId: id } })
      return false
    } catch (error) {
      if (isNotFound(error)) return true
      throw error
    }
  }
}

/** Looks again and again; one process of the host at a time. */
export async function collectOrphans(
  orphans: Orphans,
  { name, signal, intervalMs = defaultIntervalMs }: { name: string; signal: AbortSignal; intervalMs?: number },
): Promise<void> {
  while (!signal.aborted) {
    await aloneOrNot(`orphans ${name}`, () => orphans.collect()).catch((error) => console.error('orphans:', error))
    await wait(intervalMs, undefined, { signal, ref: false }).catch(() => {})
  }
}
