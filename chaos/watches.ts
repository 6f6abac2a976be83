import { type FSWatcher, watch } from 'node:fs'
import { readFile } from 'node:fs/promises'
import path from 'node:path'
import type { Moments } from './moments.ts'
import { logFile } from './work.ts'

/** Tells of the moments that show in a session's files: its ledger, what its commands write, its segments. */
export class Watches {
  readonly #moments: Moments
  readonly #containers: string
  readonly #blobs: string
  readonly #open = new Map<string, FSWatcher[]>()

  constructor(moments: Moments, containers: string, blobs: string) {
    this.#moments = moments
    this.#containers = containers
    this.#blobs = blobs
  }

  /** Begins where the folders are there by now; to be called now and then until they are. */
  look(session: string, sessionId: string): void {
    const watchers = this.#open.get(sessionId) ?? []
    this.#open.set(sessionId, watchers)
    const folder = path.join(this.#containers, sessionId)
    this.#once(watchers, path.join(folder, 'ledger'), (file) => {
      if (file.endsWith('.started')) this.#moments.tell('tool-accepted', session)
      if (file.endsWith('.done')) this.#moments.tell('tool-finished', session)
    })
    this.#once(watchers, path.join(folder, 'workspace'), (file) => {
      if (file === logFile) void this.#look(session, path.join(folder, 'workspace', logFile))
    })
    this.#once(watchers, path.join(this.#blobs, 'sessions', sessionId, 'segments'), () =>
      this.#moments.tell('seal', session),
    )
  }

  close(sessionId: string): void {
    for (const watcher of this.#open.get(sessionId) ?? []) watcher.close()
    this.#open.delete(sessionId)
  }

  #once(watchers: (FSWatcher & { folder?: string })[], folder: string, seen: (file: string) => void): void {
    if (watchers.some((watcher) => watcher.folder === folder)) return
    try {
      const watcher: FSWatcher & { folder?: string } = watch(folder, (_event, file) => file && seen(file))
      watcher.folder = folder
      watcher.on('error', () => {})
      watchers.push(watcher)
    } catch {
      // It is not there yet.
    }
  }

  async #look(session: string, file: string): Promise<void> {
    const lines = (await readFile(file, 'utf8').catch(() => '')).trimEnd().split('\n')
    if (lines.at(-1)?.includes(' begin ')) this.#moments.tell('tool-running', session)
  }
}
