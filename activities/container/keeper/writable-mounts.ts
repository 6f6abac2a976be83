import { execFile } from 'node:child_process'
import { lstat } from 'node:fs/promises'
import { promisify } from 'node:util'
import type { Mount } from '../provider.ts'

/**
 * Gives what the container may write to its user. Until then only this host has written there, or another of the
 * session's users; from then on whoever adds something gives it to the owner of the folder.
 */
export async function giveWritableMounts(mounts: Mount[], uid: number): Promise<void> {
  for (const { source, mode } of mounts) {
    if (mode !== 'rw' || (await lstat(source)).uid === uid) continue
    // By descriptors and without following links, a folder behind what is in it: the outermost tells that all is done.
    await promisify(execFile)('chown', ['--recursive', '--no-dereference', `${uid}:${uid}`, '--', source])
  }
}
