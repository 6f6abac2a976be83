import { describe, expect, it } from 'vitest'
import { keepEnded } from '../../client/ended-session.ts'
import type { Runtime } from '../../client/runtime.ts'
import type { Fact } from '../../log/facts.ts'
import { viewOf } from '../../log/run-view.ts'
import { readSegment, writeSegment } from '../../log/segments.ts'
import type { SessionMemo } from '../../protocol/contract.ts'
import { noUsage } from '../../protocol/usage.ts'
import { memoryBlobs } from '../log/memory-blobs.ts'
import { fact, time } from '../log/samples.ts'

const final = (updatedAt: number): SessionMemo => ({
  run: 1,
  status: 'terminated',
  stopReason: null,
  pending: [],
  usage: noUsage(),
  budget: null,
  updatedAt,
})
const terminated = (id: number, at = time(id)): Fact => ({
  kind: 'closed',
  how: 'terminated',
  id,
  at,
  reason: 'by hand',
})
const blobs = memoryBlobs()

/** Looks at a session whose newest run is this one, and has ended. */
function keep(run: number, facts: Fact[], state: SessionMemo): Promise<void> {
  const view = viewOf(run, facts)
  view.closed = true
  const logs = { get: () => ({ newest: async () => view }) }
  return keepEnded({ logs, blobs } as unknown as Runtime, 'sesn_1', state)
}

describe('the log of a session that was ended from outside', () => {
  it('is kept once for each end, for it may be reset and ended again', async () => {
    const first = [fact.started(1, { run: 1 }), terminated(2)]
    await keep(1, first, final(1))
    const kept = blobs.content.get('sessions/sesn_1/segments/00000001')
    await keep(1, first, final(1))
    expect(blobs.content.get('sessions/sesn_1/segments/00000001')).toBe(kept)

    // At the same place of the history, at another time.
    const second = [fact.started(1, { run: 1 }), terminated(2, time(9))]
    await keep(1, second, final(2))
    expect(await readSegment(blobs, 'sesn_1', 1)).toMatchObject({ facts: second, final: { updatedAt: 2 } })
  })

  it('ends with its newest run, also when a reset has cut off later ones', async () => {
    await writeSegment(blobs, { session: 'sesn_2', run: 3, sealedAt: 1, facts: [] })
    await writeSegment(blobs, { session: 'sesn_1', run: 3, sealedAt: 1, final: final(0), facts: [] })
    await keep(2, [fact.started(1, { run: 2 }), terminated(2)], final(3))
    const keys = [...blobs.content.keys()].sort()
    expect(keys).toEqual([
      'sessions/sesn_1/segments/00000001',
      'sessions/sesn_1/segments/00000002',
      'sessions/sesn_2/segments/00000003',
    ])
  })
})
