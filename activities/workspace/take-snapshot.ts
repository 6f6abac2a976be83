import { createHash, randomBytes } from 'node:crypto'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { createZstdCompress } from 'node:zlib'
import type { Blobs } from '../../store/blobs.ts'
import type { Records } from '../../store/records.ts'
import { mayBeDone } from '../../store/records-unavailable.ts'
import type { Snapshot, SnapshotPart } from '../../store/snapshot-records.ts'
import type { ContainerFiles } from '../container/provider.ts'
import { readIndex, writeIndex } from './index-file.ts'
import { bytesOf, changesSince, type Listing, readListing, TooMuch, toBytes } from './listing.ts'

export interface SnapshotDependencies {
  files: ContainerFiles
  records: Pick<Records, 'snapshots'>
  blobs: Blobs
  /** Task queue of this host's containers. */
  host: string
  /** Files that take more than this on the disk are not saved. */
  maxBytes: number
}

/** Parts of a chain; with more, or with more in them than in the first, everything is saved anew. */
const mostParts = 48
/** Bytes of later parts that are always allowed: small chains are cheap. */
const freeBytes = 4 * 1024 * 1024

export const snapshotsOf = (sessionId: string) => `sessions/${sessionId}/snapshots/`

/**
 * Saves what has changed of a session's files since its last snapshot. `fenced`: the session has its container on another
 * host now, or is gone; nothing was saved. One process at a time, of this host.
 * @throws TooMuch when the files are more than is saved
 */
export async function takeSnapshot(
  { files, records, blobs, host, maxBytes }: SnapshotDependencies,
  sessionId: string,
  signal: AbortSignal,
): Promise<'taken' | 'unchanged' | 'fenced'> {
  const row = await records.snapshots.of(sessionId)
  if (row && row.host !== host) return 'fenced'
  const notes = await files.notes(sessionId)
  const index = await readIndex(notes)
  const now = await readListing(await files.list(sessionId, signal), Date.now())
  const checkouts = await files.checkouts(sessionId)
  const base = row && index?.sequence === row.sequence && !isLong(row) ? index.listing : undefined
  const { changed, removed } = changesSince(base, now)
  if (isEmpty(now) && !row) return 'unchanged'
  if (base && changed.length + removed.length === 0 && String(checkouts) === String(row!.checkouts)) return 'unchanged'
  const bytes = bytesOf(now)
  if (bytes > maxBytes) throw new TooMuch(`the files take ${bytes} bytes, and ${maxBytes} are the most`)

  const sequence = (row?.sequence ?? 0) + 1
  // Nobody else writes to such a key: what this attempt leaves it can take away.
  const key = `${snapshotsOf(sessionId)}${sequence}-${randomBytes(6).toString('hex')}`
  let isNamed = false
  try {
    const paths = Readable.from([toBytes(changed)])
    const archive = await putCompressed(blobs, `${key}.tar.zst`, await files.pack(sessionId, paths, signal))
    const part: SnapshotPart = { takenAt: new Date(now.at).toISOString(), archive: `${key}.tar.zst`, ...archive }
    if (removed.length > 0) {
      const blob = `${key}.removed.zst`
      part.removed = { blob, sha256: (await putCompressed(blobs, blob, Readable.from([toBytes(removed)]))).sha256 }
    }
    const snapshot: Snapshot = { sequence, host, parts: [...(base ? row!.parts : []), part], checkouts }
    const isPut = await records.snapshots.put(sessionId, snapshot, row?.sequence).catch((error) => {
      isNamed = mayBeDone(error)
      throw error
    })
    if (!isPut) {
      await blobs.deleteAll(key)
      return 'fenced'
    }
    isNamed = true
    await writeIndex(notes, { sequence, listing: now })
    if (!base) await deleteOthers(blobs, sessionId, key)
    return 'taken'
  } catch (error) {
    // What cannot be removed now goes with the next whole snapshot, or with the session.
    if (!isNamed) await blobs.deleteAll(key).catch(() => {})
    throw error
  }
}

const isEmpty = ({ entries }: Listing) => entries.size === 3

const isLong = ({ parts: [first, ...later] }: Snapshot) =>
  later.length >= mostParts || later.reduce((sum, { bytes }) => sum + bytes, 0) > Math.max(freeBytes, first?.bytes ?? 0)

async function putCompressed(blobs: Blobs, key: string, content: Readable): Promise<{ bytes: number; sha256: string }> {
  const compress = createZstdCompress()
  let read = 0
  const counted = async function* () {
    for await (const chunk of content) {
      read += chunk.length
      yield chunk
    }
    if (read === 0) throw new Error('nothing came of the files')
  }
  const hash = createHash('sha256')
  const [{ size }] = await Promise.all([
    blobs.putStream(key, compress, { hash }),
    pipeline(Readable.from(counted()), compress),
  ])
  return { bytes: size, sha256: hash.digest('hex') }
}

/** Removes the chain before, and what attempts left that nobody finished. */
async function deleteOthers(blobs: Blobs, sessionId: string, kept: string): Promise<void> {
  for await (const key of blobs.list(snapshotsOf(sessionId))) if (!key.startsWith(kept)) await blobs.delete(key)
}

/** Whether a blob is as it was put. */
export async function isWhole(blobs: Blobs, key: string, sha256: string): Promise<boolean> {
  const content = await blobs.getStream(key)
  if (!content) return false
  const hash = createHash('sha256')
  for await (const chunk of content) hash.update(chunk)
  return hash.digest('hex') === sha256
}
