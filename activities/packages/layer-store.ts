import { execFile } from 'node:child_process'
import { randomUUID } from 'node:crypto'
import { chmod, mkdir, mkdtemp, open, readdir, rename, stat, utimes } from 'node:fs/promises'
import path from 'node:path'
import { promisify } from 'node:util'
import { alone, aloneOrNot } from '../alone.ts'
import { oneByOne } from '../one-by-one.ts'
import { removeTree } from '../remove-tree.ts'

/** Begins the ending of the name of what is not there yet, and of what is about to go. */
const building = '.building-'

/** Layers of packages, and the files of skills, on this host: each a folder that was built once and is never changed after. */
export class LayerStore {
  readonly #root: string

  /** @param root folder on the host that no container can write */
  constructor(root: string) {
    this.#root = root
  }

  /** The folder of a layer that is there; it then counts as used today. */
  async find(key: string): Promise<string | undefined> {
    if (!/^[0-9a-f]{64}$/.test(key)) throw new TypeError('a layer is named by a SHA-256 in hex')
    const layer = path.join(this.#root, key)
    const now = new Date()
    try {
      await utimes(layer, now, now)
      return layer
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined
      throw error
    }
  }

  /**
   * The folder of the layer. When there is none it is built by `build` into an empty folder, by one process of the host
   * at a time; the others wait for it. A build that fails or is killed leaves nothing that counts: the next call builds
   * again. Rejects with what `build` rejected with.
   * @param key as `layerKey` makes it
   */
  async obtain(key: string, build: (folder: string) => Promise<void>): Promise<string> {
    const found = await this.find(key)
    if (found) return found
    const layer = path.join(this.#root, key)
    return alone(this.#lock(key), async () => {
      if (await this.find(key)) return layer
      await mkdir(this.#root, { recursive: true, mode: 0o755 })
      await this.#dropUnfinished(key)
      const folder = await mkdtemp(path.join(this.#root, `${key}${building}`))
      // mkdtemp made it for its owner alone; a container has a user of its own.
      await chmod(folder, 0o755)
      try {
        await build(folder)
        await promisify(execFile)('sync', ['--file-system', folder])
        await rename(folder, layer)
      } catch (error) {
        await removeTree(folder)
        throw error
      }
      await sync(this.#root)
      await this.find(key)
      return layer
    })
  }

  /** Removes what was not used for so long, and what killed builds left. */
  async collect(unusedMs: number): Promise<void> {
    await oneByOne(await readdir(this.#root).catch(() => []), (name) => {
      const [key = ''] = name.split(building)
      return aloneOrNot(this.#lock(key), async () => {
        if (name.includes(building)) return this.#dropUnfinished(key)
        const folder = path.join(this.#root, name)
        const isOld = async (place: string) => {
          const used = await stat(place).catch(() => undefined)
          return used !== undefined && Date.now() - used.mtimeMs > unusedMs
        }
        if (!(await isOld(folder))) return
        // Out of the way first: who is killed while it is removed leaves a part, which would pass for the layer.
        const going = path.join(this.#root, `${key}${building}${randomUUID()}`)
        await rename(folder, going)
        // It was found by somebody in between.
        if (!(await isOld(going))) return rename(going, folder)
        await removeTree(going)
      })
    })
  }

  #lock(key: string): string {
    return `packages ${path.join(this.#root, key)}`
  }

  /** Only under the layer's lock: then nobody builds it. */
  async #dropUnfinished(key: string): Promise<void> {
    for (const name of await readdir(this.#root)) {
      if (name.startsWith(`${key}${building}`)) await removeTree(path.join(this.#root, name))
    }
  }
}

async function sync(folder: string): Promise<void> {
  const handle = await open(folder, 'r')
  try {
    await handle.sync()
  } finally {
    await handle.close()
  }
}
