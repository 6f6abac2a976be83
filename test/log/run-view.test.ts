import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { describe, expect, it } from 'vitest'
import { RunView, viewOf } from '../../log/run-view.ts'
import { fact } from './samples.ts'

setFlagsFromString('--expose-gc')
const collectGarbage = runInNewContext('gc') as () => void

describe('the view of a run', () => {
  it('grows fact by fact to what it is when read at once', () => {
    const facts = [fact.started(1), fact.delivered(3, 'a', 'b'), fact.announced(5, { processed: ['a'] })]
    const view = new RunView(0)
    for (const one of facts) view.append(one)
    expect(view.items).toEqual(viewOf(0, facts).items)
    expect(view.itemsOf.flat()).toEqual(view.items)
    expect(view.itemsOf.map((items) => items.length)).toEqual([0, 2, 1])
    expect(view).toMatchObject({ run: 0, lastId: 5, started: facts[0], sealedAt: undefined })
  })

  it('gives all who are at one place the same items, and others once there are more', () => {
    const view = new RunView(0)
    for (const one of [fact.started(1), fact.delivered(3, 'a', 'b')]) view.append(one)
    const items = view.since(1)
    expect(items.map(({ event }) => event.id)).toEqual(['b'])
    expect(view.since(1)).toBe(items)
    view.append(fact.delivered(5, 'c'))
    expect(view.since(1).map(({ event }) => event.id)).toEqual(['b', 'c'])
    expect(view.since(0)).toHaveLength(3)
    expect(items).toHaveLength(1)
  })

  it('wakes everybody who waits, once', async () => {
    const view = new RunView(0)
    let woken = 0
    const waits = [view.changed(), view.changed()].map((wait) => wait.then(() => woken++))
    view.wake()
    await Promise.all(waits)
    expect(woken).toBe(2)
  })

  it('lets go of a reader that gave up, before and while it waits', async () => {
    const view = new RunView(0)
    await view.changed(AbortSignal.abort())
    const controller = new AbortController()
    const wait = view.changed(controller.signal)
    controller.abort()
    await wait
  })
  it('keeps nothing of a reader that gave up, although nothing happens', async () => {
    const view = new RunView(0)
    const leave = async () => {
      const controller = new AbortController()
      const wait = view.changed(controller.signal)
      controller.abort()
      await wait
      return new WeakRef(controller.signal)
    }
    const reader = await leave()
    await new Promise((resolve) => setImmediate(resolve))
    collectGarbage()
    expect(reader.deref()).toBeUndefined()
    view.wake()
  })
})
