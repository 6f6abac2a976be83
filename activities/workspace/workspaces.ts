import { mkdirSync, writeFileSync } from 'node:fs'
import { readFile, rm, stat } from 'node:fs/promises'
import path from 'node:path'
import { RecordsUnavailable } from '../../store/records-unavailable.ts'
import type { Snapshot } from '../../store/snapshot-records.ts'
import { alone } from '../alone.ts'
import { type ContainerNotice, type ContainerProvider, ContainerUnavailable } from '../container/provider.ts'
import { readIndex } from './index-file.ts'
import { newsIn, restoreSnapshot } from './restore-snapshot.ts'
import { Schedule } from './schedule.ts'
import { type SnapshotDependencies, takeSnapshot } from './take-snapshot.ts'

export interface WorkspacesOptions extends Omit<SnapshotDependencies, 'files'> {
  containers: ContainerProvider
  /** Milliseconds after a call until its files are saved; a call before that puts it off. */
  quietMs: number
  /** Milliseconds that calls can put it off. */
  longestMs: number
}

/** What says, beside a session's files, that they may have changed since they were saved. */
const markIn = (notes: string) => path.join(notes, 'changed')

/**
 * The files of this host's sessions outlive the host: they are saved while nobody waits for it, and put back where a
 * session has none. Source: design §5.
 */
export class Workspaces {
  readonly #of: SnapshotDependencies & Pick<WorkspacesOptions, 'containers'>
  readonly #schedule: Schedule
  readonly #ready = new Map<string, Promise<void>>()
  readonly #news = new Map<string, string>()

  constructor({ quietMs, longestMs, ...options }: WorkspacesOptions) {
    this.#of = { ...options, files: options.containers.files }
    this.#schedule = new Schedule({ quietMs, longestMs }, (sessionId, signal) => this.save(sessionId, signal))
  }

  /**
   * Sees to it that a session's files are here before its container is opened. Returns what the session has to hear of it.
   * @param isMoving whether the session comes from another host
   */
  async prepare(sessionId: string, isMoving: boolean): Promise<ContainerNotice[]> {
    // Somebody may have cleared the disk meanwhile.
    if (isMoving || !(await this.#of.files.exist(sessionId))) this.#ready.delete(sessionId)
    let ready = this.#ready.get(sessionId)
    if (!ready) {
      ready = this.#prepare(sessionId)
      this.#ready.set(sessionId, ready)
      ready.catch(() => this.#ready.delete(sessionId))
    }
    await ready
    const text = this.#news.get(sessionId)
    if (text === undefined) return []
    const retry_status = { type: 'retrying' as const }
    return [{ text, error: { type: 'unknown_error', message: text, retry_status } }]
  }

  /** Runs a call in the session's container: what it leaves is saved soon. */
  async around<T>(sessionId: string, call: () => Promise<T>): Promise<T> {
    this.#touch(sessionId)
    try {
      const result = await call()
      await this.#told(sessionId)
      return result
    } finally {
      await this.#mark(sessionId)
      this.#touch(sessionId)
    }
  }

  /** Saves what has changed. Returns whether something had. */
  save(sessionId: string, signal: AbortSignal = new AbortController().signal): Promise<boolean> {
    const { files, host } = this.#of
    return alone(`snapshot ${host} ${sessionId}`, async () => {
      if (!(await files.exist(sessionId))) return false
      const mark = markIn(await files.notes(sessionId))
      const before = await stat(mark).catch(() => undefined)
      const outcome = await takeSnapshot(this.#of, sessionId, signal).catch(async (error) => {
        // The session was erased meanwhile.
        if (await files.exist(sessionId)) throw error
      })
      const after = await stat(mark).catch(() => undefined)
      if (before?.mtimeMs === after?.mtimeMs) await rm(mark, { force: true })
      return outcome === 'taken'
    })
  }

  /** Takes up what a process that is gone has not saved. */
  async resume(): Promise<void> {
    const { containers, files } = this.#of
    for (const sessionId of await containers.list()) {
      const mark = await stat(markIn(await files.notes(sessionId))).catch(() => undefined)
      if (mark) this.#touch(sessionId)
    }
  }

  /** The session has no container here any more. */
  forget(sessionId: string): void {
    this.#schedule.forget(sessionId)
    this.#ready.delete(sessionId)
    this.#news.delete(sessionId)
  }

  /** Leaves what is not saved to the next process. */
  close(): Promise<void> {
    return this.#schedule.close()
  }

  async #prepare(sessionId: string): Promise<void> {
    const { files, host } = this.#of
    if (await this.#isOutOfDate(sessionId)) {
      await alone(`restore ${host} ${sessionId}`, async () => {
        const snapshot = await this.#isOutOfDate(sessionId)
        if (snapshot) await this.#restore(sessionId, snapshot).catch(notRestored)
      })
    }
    const news = await readFile(newsIn(await files.notes(sessionId)), 'utf8').catch(() => undefined)
    if (news !== undefined) this.#news.set(sessionId, news)
  }

  /** The snapshot, when the session has no files here or the snapshot is another host's. */
  async #isOutOfDate(sessionId: string): Promise<Snapshot | undefined> {
    const { files, records, host } = this.#of
    const snapshot = await records.snapshots.of(sessionId)
    return snapshot && (snapshot.host !== host || !(await files.exist(sessionId))) ? snapshot : undefined
  }

  async #restore(sessionId: string, snapshot: Snapshot): Promise<void> {
    const { containers, files, records, host } = this.#of
    const { sequence } = snapshot
    if ((await files.exist(sessionId)) && (await readIndex(await files.notes(sessionId)))?.sequence === sequence) {
      // It was saved from here, under another name of this host.
      await records.snapshots.put(sessionId, { ...snapshot, host }, sequence)
      return
    }
    // What a host has of a session that was elsewhere since is out of date.
    await containers.destroy(sessionId)
    await restoreSnapshot(this.#of, sessionId, snapshot)
  }

  #touch(sessionId: string): void {
    if (this.#of.maxBytes > 0) this.#schedule.touch(sessionId)
  }

  async #told(sessionId: string): Promise<void> {
    if (!this.#news.delete(sessionId)) return
    await rm(newsIn(await this.#of.files.notes(sessionId)), { force: true })
  }

  async #mark(sessionId: string): Promise<void> {
    const notes = await this.#of.files.notes(sessionId)
    // At once: somebody waits for the call's result, and the way to another thread takes longer.
    const mark = () => writeFileSync(markIn(notes), '', { mode: 0o600 })
    try {
      mark()
    } catch {
      try {
        mkdirSync(notes, { mode: 0o700 })
        mark()
      } catch {
        // Without files there is nothing to save, and a full disk has its own errors.
      }
    }
  }
}

/** The call that needs the files has not begun. */
function notRestored(cause: Error): never {
  if (cause instanceof ContainerUnavailable) throw cause
  // It is made again when they are back.
  if (cause instanceof RecordsUnavailable) throw cause
  const reason = `the session's files are not here and cannot be put back: ${cause.message}`
  throw new ContainerUnavailable({ tried: [], reason, cause })
}
