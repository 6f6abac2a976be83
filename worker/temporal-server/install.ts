import { chmod, mkdir, mkdtemp, rename, rm } from 'node:fs/promises'
import path from 'node:path'

/**
 * Puts a program at `target`: it is made in a folder of its own beside it and moved there when it is whole, so that
 * several processes may do this at once and a killed one leaves nothing that looks finished.
 * @param make makes the program inside the folder and gives its path
 */
export async function install(target: string, make: (folder: string) => Promise<string>): Promise<void> {
  await mkdir(path.dirname(target), { recursive: true })
  const folder = await mkdtemp(path.join(path.dirname(target), '.partial-'))
  try {
    const made = await make(folder)
    await chmod(made, 0o755)
    await rename(made, target)
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}
