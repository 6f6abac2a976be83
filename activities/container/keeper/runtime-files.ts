import { createHash } from 'node:crypto'
import { copyFile, cp, mkdir, readdir, readFile, rename, rm, stat } from 'node:fs/promises'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import { isWalkable } from './session-folder.ts'

export interface RuntimeFiles {
  node: string
  supervisor: string
}

const source = fileURLToPath(new URL('../supervisor', import.meta.url))

/**
 * What the supervisor needs, at places that the containers' users can reach: where they are when that is so, otherwise
 * copied beside the sessions' folders once a version.
 */
export async function runtimeFiles(root: string): Promise<RuntimeFiles> {
  const copies = path.join(root, 'runtime')
  await mkdir(copies, { recursive: true, mode: 0o755 })
  const restricted = process.getuid?.() === 0
  const node =
    !restricted || (await isWalkable(path.dirname(process.execPath)))
      ? process.execPath
      : await copied(path.join(copies, `node-${process.version}`), (target) => copyFile(process.execPath, target))
  const supervisor =
    !restricted || (await isWalkable(source))
      ? source
      : await copied(path.join(copies, `supervisor-${await hashOf(source)}`), (target) =>
          cp(source, target, { recursive: true }),
        )
  return { node, supervisor }
}

/** Copies beside the target and moves it there, so that two keepers at once do no harm. */
async function copied(target: string, copy: (to: string) => Promise<void>): Promise<string> {
  if (
    await stat(target).then(
      () => true,
      () => false,
    )
  )
    return target
  const partial = `${target}.${process.pid}`
  await copy(partial)
  await rename(partial, target).catch(() => rm(partial, { recursive: true, force: true }))
  return target
}

async function hashOf(folder: string): Promise<string> {
  const hash = createHash('sha256')
  for (const name of (await readdir(folder)).sort()) hash.update(name).update(await readFile(path.join(folder, name)))
  return hash.digest('hex').slice(0, 16)
}
