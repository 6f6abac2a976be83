import { randomUUID } from 'node:crypto'
import { chmod, mkdir, readdir, rm, writeFile } from 'node:fs/promises'
import path from 'node:path'
import { limits } from '../../protocol/limits.ts'
import { contentSha256 } from '../../protocol/memories.ts'
import { type Content, HeldFolder, isOneOf } from './held-folder.ts'
import type { Base } from './manifest.ts'
import { type Scan, scan, stampOf } from './scan.ts'

/**
 * The folder that shows a store in a session's container, worked on from outside. Contents are prepared beside it,
 * where the agent cannot reach, and moved in whole.
 */
export class StoreFolder implements Disposable {
  readonly #directory: string
  readonly #root: HeldFolder

  private constructor(directory: string, root: HeldFolder) {
    this.#directory = directory
    this.#root = root
  }

  /** What the container mounts. */
  static source(directory: string): string {
    return path.join(directory, 'files')
  }

  /** Makes what is missing. */
  static async make(directory: string): Promise<void> {
    const source = StoreFolder.source(directory)
    if (!(await mkdir(source, { recursive: true }))) return
    // The container's user walks to it, whatever the mask of this process.
    const session = path.dirname(directory)
    for (const folder of [path.dirname(session), session, directory]) await chmod(folder, 0o711)
    await chmod(source, 0o755)
  }

  /** @param directory of one session and store; it has been made */
  static open(directory: string): StoreFolder {
    return new StoreFolder(directory, HeldFolder.open(StoreFolder.source(directory)))
  }

  [Symbol.dispose](): void {
    this.#root[Symbol.dispose]()
  }

  scan(): Promise<Scan> {
    return scan(this.#root)
  }

  read(memoryPath: string): Content {
    return this.#inFolderOf(memoryPath, (folder, name) => folder.read(name, limits.memoryBytes)) ?? 'missing'
  }

  /** Whether the file still is what it was when it was like the store's. */
  isAs(memoryPath: string, base: Base | undefined): boolean {
    const stat = this.#inFolderOf(memoryPath, (folder, name) => folder.stat(name))
    // An empty folder is no memory; one that is not is found out by writing.
    if (!base) return !stat || stat.isDirectory()
    if (!stat) return false
    if (base.stamp !== undefined && stampOf(stat) === base.stamp) return true
    const content = this.read(memoryPath)
    return typeof content === 'object' && contentSha256(content.bytes) === base.sha256
  }

  /**
   * Puts a content at its place, making the folders above.
   * @param isFree asked at the last moment whether the place may be taken
   * @returns `in the way` when the agent has something else there that cannot be replaced
   */
  async write(
    memoryPath: string,
    content: string,
    isFree: () => boolean,
  ): Promise<'written' | 'not free' | 'in the way'> {
    const prepared = path.join(this.#directory, `incoming-${randomUUID()}`)
    await writeFile(prepared, content, { mode: 0o600 })
    try {
      if (!isFree()) return 'not free'
      const placed = this.#inFolderOf(memoryPath, (folder, name) => place(folder, name, prepared), { make: true })
      return placed ? 'written' : 'in the way'
    } finally {
      await rm(prepared, { force: true })
    }
  }

  /** Removes a file and the folders that are empty without it. */
  remove(memoryPath: string): void {
    this.#inFolderOf(memoryPath, (folder, name) => {
      try {
        folder.remove(name)
      } catch (error) {
        if (!isOneOf(error, ['ENOENT', 'EISDIR', 'EPERM'])) throw error
      }
    })
    const above = memoryPath.split('/').slice(1, -1)
    while (above.length > 0) {
      const empty = `/${above.join('/')}`
      if (!this.#inFolderOf(empty, (folder, name) => folder.removeChild(name))) return
      above.pop()
    }
  }

  /** Removes what a killed process had prepared. */
  async tidy(): Promise<void> {
    for (const name of await readdir(this.#directory)) {
      if (name.startsWith('incoming-')) await rm(path.join(this.#directory, name), { force: true })
    }
  }

  /** Walks to the folder of a memory, step by step. Undefined when the way is not there. */
  #inFolderOf<T>(
    memoryPath: string,
    use: (folder: HeldFolder, name: string) => T,
    { make = false }: { make?: boolean } = {},
  ): T | undefined {
    const steps = memoryPath.split('/').slice(1)
    const descend = (folder: HeldFolder, depth: number): T | undefined => {
      const name = steps[depth]!
      if (depth === steps.length - 1) return use(folder, name)
      using next = make ? folder.makeChild(name) : folder.child(name)
      return next && descend(next, depth + 1)
    }
    try {
      return descend(this.#root, 0)
    } catch (error) {
      // The agent has closed a folder to others.
      if (isOneOf(error, ['EACCES', 'EPERM'])) return undefined
      throw error
    }
  }
}

function place(folder: HeldFolder, name: string, prepared: string): boolean {
  // An empty folder is no memory.
  const there = folder.stat(name)
  if (there?.isDirectory() && !folder.removeChild(name)) return false
  folder.take(prepared, name)
  return true
}
