import { createHash } from 'node:crypto'
import type { BigIntStats } from 'node:fs'
import type { FileHandle } from 'node:fs/promises'
import type { Readable } from 'node:stream'
import { type IdKind, idFrom } from '../../protocol/ids.ts'

/** The clock of a file system ticks this coarsely, milliseconds: two changes within a tick look like one. */
const tickMs = 50

/** What the file system says of a file's content: while it is the same, so is the content. */
export const signatureOf = ({ dev, ino, size, mtimeNs, ctimeNs }: BigIntStats) =>
  [dev, ino, size, mtimeNs, ctimeNs].join('.')

/**
 * The signature to keep for content that is about to be read. Of a file that was changed just now it is none that the
 * file can ever have: the next change may leave no trace, so it is to be looked at again.
 */
export function signatureToKeep(stats: BigIntStats): string {
  const signature = signatureOf(stats)
  return Date.now() - Number(stats.ctimeMs) < tickMs ? `${signature}.fresh` : signature
}

/** The first `size` bytes of an open file, read beside others that write to it. The file stays open. */
export function contentOf(file: FileHandle, size: number): Readable {
  // An `end` before the `start` would mean one byte.
  return file.createReadStream({ start: 0, end: Math.max(size - 1, 0), autoClose: false })
}

/** SHA-256 of the first `size` bytes, hex. */
export async function hashOf(file: FileHandle, size: number): Promise<string> {
  const hash = createHash('sha256')
  if (size > 0) for await (const chunk of contentOf(file, size)) hash.update(chunk)
  return hash.digest('hex')
}

/**
 * An id that this state of a path always gets: who tries again after a crash writes the content to the same place, and
 * nothing is left behind.
 */
export function idOfState(kind: IdKind, ...state: string[]): string {
  return idFrom(kind, createHash('sha256').update(state.join('\0')).digest('hex').slice(0, 32))
}
