import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { describe, expect, it } from 'vitest'
import { RunView } from '../../log/run-view.ts'
import { SessionLog } from '../../log/session-log.ts'
import type { Tail } from '../../log/tail.ts'
import { memoryBlobs } from './memory-blobs.ts'
import { fact } from './samples.ts'

setFlagsFromString('--expose-gc')
const collectGarbage = runInNewContext('gc') as () => void

/** A run with something to see. */
function run(number: number): RunView {
  const view = new RunView(number)
  view.append(fact.started(1))
  view.append(fact.delivered(2, `in run ${number}`))
  return view
}

describe('who follows a session', () => {
  it('holds on to no run that is over, however long he follows', async () => {
    let newest = run(0)
    const first = new WeakRef(newest)
    const tail = { hold: () => () => {}, catchUp: async () => newest, gone: false } as unknown as Tail
    const log = new SessionLog('sesn_1', tail, memoryBlobs(), {} as never)
    const items = await log.followBatches({ after: { run: 0, event: 0, index: 0 } })
    const seen = [(await items.next()).value?.[0]?.cursor.run]
    for (let number = 1; number <= 3; number++) {
      const next = run(number)
      newest.next = next
      newest.wake()
      newest = next
      seen.push((await items.next()).value?.[0]?.cursor.run)
    }
    expect(seen).toEqual([0, 1, 2, 3])
    // What the loop above still had in its hands is let go with the turn.
    await new Promise((resolve) => setImmediate(resolve))
    collectGarbage()
    expect(first.deref()).toBeUndefined()
    await items.return()
  })
})
