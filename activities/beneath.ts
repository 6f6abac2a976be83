import { constants } from 'node:fs'
import { type FileHandle, open } from 'node:fs/promises'
import path from 'node:path'

const { O_RDONLY, O_DIRECTORY, O_NOFOLLOW, O_NONBLOCK } = constants

/**
 * A folder that somebody else may be changing at this moment, opened so that no change can lead out of it: names are
 * looked up below the open folder itself, one part at a time, and a symbolic link is never followed.
 *
 * Node has no openat(2); the entries of /proc/self/fd are the same thing on Linux.
 */
export class Beneath {
  readonly #handle: FileHandle

  private constructor(handle: FileHandle) {
    this.#handle = handle
  }

  /** @throws what open(2) says: ENOENT when there is none, ELOOP or ENOTDIR when it is a link */
  static async open(folder: string): Promise<Beneath> {
    return new Beneath(await open(folder, O_RDONLY | O_DIRECTORY | O_NOFOLLOW))
  }

  /** Path of an entry (or of the folder itself), good while the folder is open. */
  at(name = ''): string {
    if (name.includes('/') || name === '..') throw new Error(`${JSON.stringify(name)} is not the name of an entry`)
    return path.posix.join('/proc/self/fd', String(this.#handle.fd), name === '' ? '.' : name)
  }

  folder(name: string): Promise<Beneath> {
    return Beneath.open(this.at(name))
  }

  /** Opens an entry for reading; of a pipe it does not wait for a writer. Whoever asks checks what it is. */
  file(name: string): Promise<FileHandle> {
    return open(this.at(name), O_RDONLY | O_NOFOLLOW | O_NONBLOCK)
  }

  close(): Promise<void> {
    return this.#handle.close()
  }
}
