import { describe, expect, it } from 'vitest'
import { readSegment, type Segment, SegmentDamaged, segmentKey, writeSegment } from '../../log/segments.ts'
import { noUsage } from '../../protocol/usage.ts'
import { memoryBlobs } from './memory-blobs.ts'
import { fact, step } from './samples.ts'

const segment: Segment = {
  session: 'sesn_1',
  run: 3,
  sealedAt: 9,
  final: { run: 3, status: 'terminated', stopReason: null, pending: [], usage: noUsage(), updatedAt: 1 },
  facts: [fact.started(1), fact.delivered(2, 'grüße 🌍'), fact.replied(5, step([{ type: 'text', text: 'x' }]))],
}
const key = segmentKey('sesn_1', 3)

describe('a segment', () => {
  it('comes back as it was written, below its session', async () => {
    const blobs = memoryBlobs()
    const size = await writeSegment(blobs, segment)
    expect([...blobs.content.keys()]).toEqual(['sesn_1'].map((id) => `sessions/${id}/segments/00000003`))
    expect(size).toBe(blobs.content.get(key)!.length)
    expect(await readSegment(blobs, 'sesn_1', 3)).toEqual(segment)
  })

  it('is undefined when there is none', async () => {
    const blobs = memoryBlobs()
    await writeSegment(blobs, segment)
    expect(await readSegment(blobs, 'sesn_1', 4)).toBeUndefined()
    expect(await readSegment(blobs, 'sesn_2', 3)).toBeUndefined()
  })

  it('is written to the same bytes again when sealing is repeated', async () => {
    const blobs = memoryBlobs()
    await writeSegment(blobs, segment)
    const first = blobs.content.get(key)!
    await writeSegment(blobs, structuredClone(segment))
    expect(Buffer.from(first).equals(blobs.content.get(key)!)).toBe(true)
  })

  it('lies in the order of the runs', () => {
    const keys = [0, 9, 10, 99, 100, 12345].map((run) => segmentKey('sesn_1', run))
    expect([...keys].sort()).toEqual(keys)
  })

  it('is known to be damaged when any byte of it is not what was written', async () => {
    const blobs = memoryBlobs()
    await writeSegment(blobs, segment)
    const written = blobs.content.get(key)!
    for (let at = 0; at < written.length; at++) {
      const damaged = Uint8Array.from(written)
      damaged[at]! ^= 1
      blobs.content.set(key, damaged)
      await expect(readSegment(blobs, 'sesn_1', 3), `byte ${at}`).rejects.toThrow(SegmentDamaged)
    }
  })

  it('is known to be damaged when its end is missing, or all of it', async () => {
    const blobs = memoryBlobs()
    await writeSegment(blobs, segment)
    const written = blobs.content.get(key)!
    for (const length of [0, 5, 20, written.length - 1]) {
      blobs.content.set(key, written.subarray(0, length))
      await expect(readSegment(blobs, 'sesn_1', 3), `${length} bytes`).rejects.toThrow(SegmentDamaged)
    }
  })

  it('says which segment of which session is damaged', async () => {
    const blobs = memoryBlobs()
    blobs.content.set(key, Buffer.from('nonsense'))
    await expect(readSegment(blobs, 'sesn_1', 3)).rejects.toThrow('segment 3 of session sesn_1 is damaged')
  })
})
