import type { BigIntStats } from 'node:fs'
import type { Blobs } from '../../store/blobs.ts'
import type { OutputRecord } from '../../store/output-records.ts'
import type { FileRecord, Records } from '../../store/records.ts'
import { KnownOutputs } from './known-outputs.ts'
import { type OutputLimits, refusal } from './output-limits.ts'
import { signatureOf } from './snapshot.ts'
import { take } from './take.ts'
import { type Found, isEmpty, walk } from './walk.ts'

export interface CaptureOptions {
  /**
   * Takes only what nobody has written to for this long, milliseconds, and removes nothing: while a call runs, what is
   * being written is left alone.
   */
  settledForMs?: number
}

/** A file that is not offered for download. */
export interface Refused {
  path: string
  reason: string
}

/** Of those that are refused, how many are taken down (and so told about) at once. */
const mostRefusals = 100

/**
 * Shows what sessions leave in /mnt/session/outputs as files of the Files API. A listing implies that the content is
 * there. Source: spec §12.4.
 *
 * Files of the API never change. So a file that was written anew appears under a new id, and the one that showed what
 * was there before goes; a file that was removed goes as well.
 */
export class Outputs {
  readonly #records: Records
  readonly #blobs: Blobs
  readonly #limits: OutputLimits
  /** The newest capture of each session: they do not run side by side. */
  readonly #running = new Map<string, Promise<unknown>>()

  constructor(stores: { records: Records; blobs: Blobs }, limits: OutputLimits) {
    this.#records = stores.records
    this.#blobs = stores.blobs
    this.#limits = limits
  }

  /**
   * Brings the files of a session up to date with its folder. Costs one look at the folder and one query when nothing
   * has changed. Returns what is refused, each state of a file once.
   */
  async capture(sessionId: string, folder: string, options: CaptureOptions = {}): Promise<Refused[]> {
    const before = this.#running.get(sessionId) ?? Promise.resolve()
    const capture = before.catch(() => {}).then(() => this.#capture(sessionId, folder, options))
    this.#running.set(sessionId, capture)
    try {
      return await capture
    } finally {
      if (this.#running.get(sessionId) === capture) this.#running.delete(sessionId)
    }
  }

  async #capture(sessionId: string, folder: string, { settledForMs }: CaptureOptions): Promise<Refused[]> {
    const known = new KnownOutputs(await this.#records.outputs.of(sessionId))
    if (known.isEmpty && isEmpty(folder)) return []
    const gone = new Set(known.paths)
    const changed = new Set<string>()
    const stillRefused: { path: string; stats: BigIntStats }[] = []
    const { unseen } = await walk(folder, async ({ path, stats }) => {
      gone.delete(path)
      const before = known.get(path)
      if (before?.signature !== signatureOf(stats)) {
        if (isSettled(stats, settledForMs)) changed.add(path)
      } else if (before.fileId === null) {
        stillRefused.push({ path, stats })
      }
    })
    for (const path of settledForMs === undefined ? gone : []) {
      if (unseen.some((prefix) => path.startsWith(prefix))) continue
      await this.#discard(await this.#records.outputs.remove(sessionId, known.get(path)!))
      known.delete(path)
    }
    // Who was refused for want of room may have it now.
    for (const { path, stats } of stillRefused) if (!this.#judge(path, stats, known)) changed.add(path)
    const refused: Refused[] = []
    if (changed.size === 0) return refused
    await walk(folder, async (found) => {
      if (!changed.has(found.path) || refused.length >= mostRefusals) return
      const reason = await this.#take(sessionId, found, known)
      if (reason) refused.push({ path: found.path, reason })
    })
    return refused
  }

  /** Offers a file, or returns why not. */
  async #take(sessionId: string, found: Found, known: KnownOutputs): Promise<string | undefined> {
    const { path, name, folder } = found
    const before = known.get(path)
    let file: Awaited<ReturnType<Found['folder']['file']>>
    try {
      file = await folder.file(name)
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException
      // Gone, or something else by now.
      if (code !== 'EACCES' && code !== 'EPERM') return undefined
      if (before?.fileId === null && before.signature === signatureOf(found.stats)) return undefined
      return this.#refuse(sessionId, found, known, 'it cannot be read: chmod u+r')
    }
    try {
      const stats = await file.stat({ bigint: true })
      if (!stats.isFile()) return undefined
      const reason = this.#judge(path, stats, known)
      if (reason) return await this.#refuse(sessionId, { path, stats }, known, reason)
      const { output, file: shown } = await take(this.#blobs, { sessionId, path, file, ...(before && { before }) })
      const result = await this.#records.outputs.put(sessionId, output, { before, ...(shown && { file: shown }) })
      if (result) known.set(output)
      await this.#discard(result)
      if (!result && shown) await this.#discard({ removed: shown })
      return undefined
    } finally {
      await file.close()
    }
  }

  #judge(path: string, stats: BigIntStats, known: KnownOutputs): string | undefined {
    const { size, nlink } = stats
    return refusal(path, { size: Number(size), links: Number(nlink) }, known.others(path), this.#limits)
  }

  async #refuse(
    sessionId: string,
    { path, stats }: { path: string; stats: BigIntStats },
    known: KnownOutputs,
    reason: string,
  ): Promise<string> {
    const before = known.get(path)
    const output: OutputRecord = { path, signature: signatureOf(stats), sha256: null, size: 0, fileId: null }
    const result = await this.#records.outputs.put(sessionId, output, { before })
    if (result) known.set(output)
    await this.#discard(result)
    return reason
  }

  /** Removes the content of a file that went, unless another one shares it. */
  async #discard(result: { removed?: FileRecord } | false): Promise<void> {
    if (!result || result.removed === undefined) return
    const { blob } = result.removed
    if ((await this.#records.files.countByBlob(blob)) === 0) await this.#blobs.delete(blob)
  }
}

function isSettled({ ctimeMs }: BigIntStats, settledForMs: number | undefined): boolean {
  return settledForMs === undefined || Date.now() - Number(ctimeMs) >= settledForMs
}
