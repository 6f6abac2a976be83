import { createHash } from 'node:crypto'
import { promisify } from 'node:util'
import { zstdCompress, zstdDecompress } from 'node:zlib'
import type { SessionMemo } from '../protocol/contract.ts'
import type { Blobs } from '../store/blobs.ts'
import type { Fact } from './facts.ts'

const compress = promisify(zstdCompress)
const decompress = promisify(zstdDecompress)

/** A run's part of the log, written once when the run is over and never changed. */
export interface Segment {
  session: string
  run: number
  /** Id of the history event at which it was sealed. */
  sealedAt: number
  /** The last state, in the segment that ends a session. */
  final?: SessionMemo
  facts: Fact[]
}

export class SegmentDamaged extends Error {
  override readonly name = 'SegmentDamaged'
}

export class SegmentMissing extends Error {
  override readonly name = 'SegmentMissing'

  constructor(session: string, run: number) {
    super(`segment ${run} of session ${session} is missing`)
  }
}

const format = 'holdfast-segment 1'

export const segmentKeys = (session: string) => `sessions/${session}/segments/`

export const segmentKey = (session: string, run: number) => segmentKeys(session) + String(run).padStart(8, '0')

/** Writes a segment: a line with format and checksum, then the compressed content. Returns its size in bytes. */
export async function writeSegment(blobs: Blobs, segment: Segment): Promise<number> {
  const body = await compress(JSON.stringify(segment))
  const data = Buffer.concat([Buffer.from(`${format} ${sha256(body)}\n`), body])
  await blobs.put(segmentKey(segment.session, segment.run), data)
  return data.length
}

/**
 * Reads a segment, undefined when there is none.
 * @throws SegmentDamaged when its content is not what was written
 */
export async function readSegment(blobs: Blobs, session: string, run: number): Promise<Segment | undefined> {
  const data = await blobs.get(segmentKey(session, run))
  if (!data) return undefined
  const end = data.indexOf(10)
  const header = Buffer.from(data.subarray(0, Math.max(end, 0))).toString()
  const body = data.subarray(end + 1)
  if (!header.startsWith(`${format} `) || header.slice(format.length + 1) !== sha256(body)) {
    throw new SegmentDamaged(`segment ${run} of session ${session} is damaged`)
  }
  return JSON.parse((await decompress(body)).toString())
}

/** Removes what stands behind the last run of a session that has ended: it is of a past that a reset has cut off. */
export async function removeSegmentsBehind(blobs: Blobs, session: string, run: number): Promise<void> {
  const last = segmentKey(session, run)
  for await (const key of blobs.list(segmentKeys(session))) if (key > last) await blobs.delete(key)
}

function sha256(data: Uint8Array): string {
  return createHash('sha256').update(data).digest('hex')
}
