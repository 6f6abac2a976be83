import { writeFile } from 'node:fs/promises'
import path from 'node:path'
import { pipeline, type Readable } from 'node:stream'
import { createZstdDecompress } from 'node:zlib'
import type { Snapshot, SnapshotPart } from '../../store/snapshot-records.ts'
import { writeIndex } from './index-file.ts'
import { readListing } from './listing.ts'
import { isWhole, type SnapshotDependencies } from './take-snapshot.ts'

/** What the session is to hear of it, until it has. */
export const newsIn = (notes: string) => path.join(notes, 'restored')

/**
 * Makes a session's files on this host as its newest snapshot has them. Of a chain of which a part is damaged, the parts
 * before it. Returns false when the session has files here meanwhile.
 */
export async function restoreSnapshot(
  { files, records, blobs, host }: SnapshotDependencies,
  sessionId: string,
  snapshot: Snapshot,
): Promise<boolean> {
  const parts: SnapshotPart[] = []
  for (const part of snapshot.parts) {
    const { archive, sha256, removed } = part
    if (!(await isWhole(blobs, archive, sha256))) break
    if (removed && !(await isWhole(blobs, removed.blob, removed.sha256))) break
    parts.push(part)
  }
  const isComplete = parts.length === snapshot.parts.length
  const claimed = { ...snapshot, host, parts, sequence: snapshot.sequence + 1 }
  // What fails on the way fails whoever reads.
  const open = async (key: string): Promise<Readable> =>
    pipeline((await blobs.getStream(key))!, createZstdDecompress(), () => {})
  const isMade = await files.restore(sessionId, async (restored) => {
    for (const { archive, removed } of parts) {
      if (removed) await restored.remove(await open(removed.blob))
      await restored.unpack(await open(archive))
    }
    // What is not in the files is to be checked out again.
    if (isComplete) await restored.checkOut(snapshot.checkouts)
    const listing = await readListing(await restored.list(), Date.now())
    if (isComplete) await writeIndex(restored.notes, { sequence: claimed.sequence, listing })
    await writeFile(newsIn(restored.notes), tell(parts.at(-1)?.takenAt, isComplete), { mode: 0o600 })
  })
  // From now on the host that had the container cannot write: it would undo what is done here.
  if (isMade) await records.snapshots.put(sessionId, claimed, snapshot.sequence)
  return isMade
}

function tell(takenAt: string | undefined, isComplete: boolean): string {
  const files =
    takenAt === undefined
      ? 'The snapshot of its files is damaged, so that they are lost'
      : `Its files are those of the snapshot of ${takenAt}${isComplete ? '' : ' (newer ones are damaged)'}, and what was written later is lost`
  return `The session's container was lost. ${files}. The shell is a new one, background processes are gone.`
}
