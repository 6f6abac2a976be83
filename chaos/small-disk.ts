import { execFile } from 'node:child_process'
import { mkdir, open, rm, statfs } from 'node:fs/promises'
import path from 'node:path'
import { promisify } from 'node:util'

const run = promisify(execFile)
const size = '256m'

/** A file system of its own under a folder, which can be filled and emptied. Needs the right to mount. */
export class SmallDisk {
  readonly #folder: string

  private constructor(folder: string) {
    this.#folder = folder
  }

  /** Undefined where this user may not mount. */
  static async mount(folder: string): Promise<SmallDisk | undefined> {
    await mkdir(folder, { recursive: true })
    try {
      await run('mount', ['-t', 'tmpfs', '-o', `size=${size},mode=0711`, 'tmpfs', folder])
      return new SmallDisk(folder)
    } catch {
      return undefined
    }
  }

  get #ballast(): string {
    return path.join(this.#folder, 'ballast')
  }

  async fill(): Promise<void> {
    const { bavail, bsize } = await statfs(this.#folder)
    const file = await open(this.#ballast, 'w')
    try {
      const block = Buffer.alloc(1024 * 1024)
      for (let left = bavail * bsize; left > 0; left -= block.length) await file.write(block)
      for (;;) await file.write(Buffer.alloc(4096))
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ENOSPC') throw error
    } finally {
      await file.close()
    }
  }

  async empty(): Promise<void> {
    await rm(this.#ballast, { force: true })
  }

  /** Lazily: a process that is ending may still hold a file. */
  async unmount(): Promise<void> {
    await run('umount', ['-l', this.#folder])
  }
}
