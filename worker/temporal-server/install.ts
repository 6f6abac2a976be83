import { chmod, mkdir, mkdtemp, readdir, rename, rm, stat } from 'node:fs/promises'
import path from 'node:path'

const partial = '.partial-'
/** Older ones were left by a process that was killed. */
const partialLifeMs = 24 * 3600 * 1000

/**
 * Puts a program at `target`: it is made in a folder of its own beside it and moved there when it is whole, so that
 * several processes may do this at once and a killed one leaves nothing that looks finished.
 * @param make makes the program inside the folder and gives its path
 */
export async function install(target: string, make: (folder: string) => Promise<string>): Promise<void> {
  await mkdir(path.dirname(target), { recursive: true })
  await removeOldPartials(path.dirname(target))
  const folder = await mkdtemp(path.join(path.dirname(target), partial))
  try {
    const made = await make(folder)
    await chmod(made, 0o755)
    await rename(made, target)
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}

async function removeOldPartials(folder: string): Promise<void> {
  for (const name of await readdir(folder)) {
    if (!name.startsWith(partial)) continue
    const old = path.join(folder, name)
    const { mtimeMs } = await stat(old).catch(() => ({ mtimeMs: Date.now() }))
    if (Date.now() - mtimeMs > partialLifeMs) await rm(old, { recursive: true, force: true })
  }
}
