import { lchown, lstat, readdir } from 'node:fs/promises'
import path from 'node:path'
import type { Mount } from '../provider.ts'

/**
 * Gives what the container may write to its user. Until then only this host has written there; from then on whoever
 * adds something gives it to the owner of the folder.
 */
export async function giveWritableMounts(mounts: Mount[], uid: number): Promise<void> {
  for (const { source, mode } of mounts) {
    if (mode !== 'rw' || (await lstat(source)).uid === uid) continue
    await give(source, uid)
  }
}

/** The folder itself last: it tells that all is done. */
async function give(file: string, uid: number): Promise<void> {
  const stat = await lstat(file)
  if (stat.isDirectory()) for (const name of await readdir(file)) await give(path.join(file, name), uid)
  await lchown(file, uid, uid)
}
