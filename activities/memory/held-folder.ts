import {
  type BigIntStats,
  closeSync,
  constants,
  fchmodSync,
  fchownSync,
  fstatSync,
  lstatSync,
  mkdirSync,
  opendirSync,
  openSync,
  readSync,
  renameSync,
  rmdirSync,
  unlinkSync,
} from 'node:fs'

const { O_DIRECTORY, O_NOFOLLOW, O_NONBLOCK, O_RDONLY } = constants

/** What an entry of a folder is; a name that is not UTF-8 is undefined. */
export interface Entry {
  name: string | undefined
  kind: 'file' | 'folder' | 'link' | 'other'
}

export type Content = { bytes: Uint8Array; stat: BigIntStats } | 'missing' | 'no file' | 'too large' | 'unreadable'

/**
 * A folder that is held by its descriptor. The agent can change what lies below it at any moment, and this process may
 * do more on the host than the agent: so nothing here resolves a path of more than one step. Each step goes through the
 * descriptor of the folder above (what openat does) and follows no symbolic link.
 */
export class HeldFolder implements Disposable {
  readonly #descriptor: number

  private constructor(descriptor: number) {
    this.#descriptor = descriptor
  }

  /** @param path on the host; its last part must not be a link, the parts above it must be nobody else's */
  static open(path: string): HeldFolder {
    return new HeldFolder(openSync(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW))
  }

  [Symbol.dispose](): void {
    closeSync(this.#descriptor)
  }

  /** The folder of this name, or undefined when there is none: also when it is a link to one. */
  child(name: string): HeldFolder | undefined {
    try {
      return HeldFolder.open(this.#at(name))
    } catch (error) {
      if (isOneOf(error, ['ENOENT', 'ENOTDIR', 'ELOOP', 'ENAMETOOLONG'])) return undefined
      throw error
    }
  }

  /** Makes the folder when there is none. Undefined when something else is in its place. */
  makeChild(name: string): HeldFolder | undefined {
    const known = this.child(name)
    if (known) return known
    try {
      mkdirSync(this.#at(name))
    } catch (error) {
      if (isOneOf(error, ['EEXIST'])) return undefined
      throw error
    }
    const made = this.child(name)
    if (made) made.#belongTo(this.stat(), 0o755)
    return made
  }

  /** What is in it, a part at a time: nobody bounds how much that is. */
  *entries(): Generator<Entry> {
    const listing = opendirSync(this.#at('.'), { encoding: 'buffer' as BufferEncoding, bufferSize: 256 })
    try {
      for (let entry = listing.readSync(); entry; entry = listing.readSync()) {
        yield {
          name: decode(entry.name as unknown as Uint8Array),
          kind: entry.isFile() ? 'file' : entry.isDirectory() ? 'folder' : entry.isSymbolicLink() ? 'link' : 'other',
        }
      }
    } finally {
      listing.closeSync()
    }
  }

  /** Of the folder itself, or of what has this name in it; a link is not followed. */
  stat(): BigIntStats
  stat(name: string): BigIntStats | undefined
  stat(name?: string): BigIntStats | undefined {
    if (name === undefined) return fstatSync(this.#descriptor, { bigint: true })
    return lstatSync(this.#at(name), { bigint: true, throwIfNoEntry: false })
  }

  /** Reads a regular file of at most `longest` bytes; of anything else nothing is read. */
  read(name: string, longest: number): Content {
    let file: number
    try {
      // Without O_NONBLOCK a named pipe would hold up the whole process.
      file = openSync(this.#at(name), O_RDONLY | O_NOFOLLOW | O_NONBLOCK)
    } catch (error) {
      if (isOneOf(error, ['ENOENT'])) return 'missing'
      if (isOneOf(error, ['ELOOP', 'ENXIO', 'ENODEV'])) return 'no file'
      if (isOneOf(error, ['EACCES', 'EPERM'])) return 'unreadable'
      throw error
    }
    try {
      if (!fstatSync(file).isFile()) return 'no file'
      const buffer = Buffer.allocUnsafe(longest + 1)
      // While somebody writes to it, what was read may be of two states: then once more.
      for (let tries = 0; ; tries++) {
        const before = fstatSync(file, { bigint: true })
        if (before.size > longest) return 'too large'
        const length = readAll(file, buffer)
        if (length > longest) return 'too large'
        const stat = fstatSync(file, { bigint: true })
        if (stat.mtimeNs === before.mtimeNs || tries === 3) return { bytes: buffer.subarray(0, length), stat }
      }
    } finally {
      closeSync(file)
    }
  }

  /** Moves a file of this process's own here, in place of what has the name; a folder is not replaced. */
  take(source: string, name: string): void {
    const file = openSync(source, O_RDONLY | O_NOFOLLOW)
    try {
      const { uid, gid } = this.stat()
      if (process.getuid?.() === 0) fchownSync(file, Number(uid), Number(gid))
      fchmodSync(file, 0o644)
    } finally {
      closeSync(file)
    }
    renameSync(source, this.#at(name))
  }

  remove(name: string): void {
    unlinkSync(this.#at(name))
  }

  /** Removes an empty folder. False when it is not empty, or none. */
  removeChild(name: string): boolean {
    try {
      rmdirSync(this.#at(name))
      return true
    } catch (error) {
      if (isOneOf(error, ['ENOTEMPTY', 'EEXIST', 'ENOTDIR', 'ENOENT'])) return false
      throw error
    }
  }

  #belongTo({ uid, gid }: BigIntStats, mode: number): void {
    if (process.getuid?.() === 0) fchownSync(this.#descriptor, Number(uid), Number(gid))
    fchmodSync(this.#descriptor, mode)
  }

  #at(name: string): string {
    if (name === '..' || name === '' || name.includes('/')) throw new Error('one step at a time')
    return `/proc/self/fd/${this.#descriptor}/${name}`
  }
}

const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })

function decode(bytes: Uint8Array): string | undefined {
  try {
    return utf8.decode(bytes)
  } catch {
    return undefined
  }
}

function readAll(file: number, buffer: Buffer): number {
  let length = 0
  for (;;) {
    const read = readSync(file, buffer, length, buffer.length - length, length)
    length += read
    if (read === 0 || length === buffer.length) return length
  }
}

export function isOneOf(error: unknown, codes: string[]): boolean {
  return codes.includes((error as NodeJS.ErrnoException).code ?? '')
}
