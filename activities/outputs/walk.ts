import { type BigIntStats, opendirSync } from 'node:fs'
import { lstat, opendir } from 'node:fs/promises'
import { Beneath } from '../beneath.ts'

/** Bounds of a walk: an agent can make more entries than anybody wants to look at. */
const mostEntries = 20_000
/** Characters of their paths together: enough for as many as can be offered. */
const mostCharacters = mostEntries * 255
const deepest = 32

export interface Found {
  /** Relative to the folder that was walked. */
  path: string
  /** Name of the last part, and the open folder that it is in. */
  name: string
  folder: Beneath
  stats: BigIntStats
}

export interface Walked {
  /** Paths of folders whose entries could not all be seen; the walk says nothing about what is in them. */
  unseen: string[]
}

/**
 * Hands every regular file below a folder to `visit`, in no order. Links, pipes and devices are passed over. A folder
 * that is not there has no files.
 */
export async function walk(root: string, visit: (found: Found) => Promise<void>): Promise<Walked> {
  const unseen: string[] = []
  let entries = 0
  let characters = 0

  async function enter(folder: Beneath, prefix: string, depth: number): Promise<void> {
    for await (const { name } of await opendir(folder.at())) {
      const path = prefix + name
      characters += path.length
      if (++entries > mostEntries || characters > mostCharacters) return void unseen.push(prefix)
      // A name that is not UTF-8 was read as another one: nothing is found under it.
      const stats = await lstat(folder.at(name), { bigint: true }).catch((error: NodeJS.ErrnoException) => {
        if (error.code !== 'EACCES') return unlessGone(error)
        unseen.push(path)
      })
      if (stats?.isFile()) await visit({ path, name, folder, stats })
      if (!stats?.isDirectory()) continue
      const inner = depth < deepest ? await folder.folder(name).catch(() => undefined) : undefined
      if (!inner) {
        unseen.push(`${path}/`)
        continue
      }
      try {
        await enter(inner, `${path}/`, depth + 1)
      } finally {
        await inner.close()
      }
    }
  }

  const outermost = await Beneath.open(root).catch(unlessGone)
  if (!outermost) return { unseen }
  try {
    await enter(outermost, '', 1)
  } finally {
    await outermost.close()
  }
  return { unseen }
}

/** Whether a walk would find nothing. Most sessions have no outputs, and this is asked several times in a turn: at once. */
export function isEmpty(root: string): boolean {
  try {
    const folder = opendirSync(root)
    try {
      return folder.readSync() === null
    } finally {
      folder.closeSync()
    }
  } catch (error) {
    unlessGone(error as NodeJS.ErrnoException)
    return true
  }
}

function unlessGone(error: NodeJS.ErrnoException): undefined {
  if (error.code === 'ENOENT' || error.code === 'ENOTDIR') return undefined
  throw error
}
