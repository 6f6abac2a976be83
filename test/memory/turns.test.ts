import { afterEach, beforeEach, describe, expect, it, onTestFinished, vi } from 'vitest'
import { HeldFolder } from '../../activities/memory/held-folder.ts'
import { writeInTurn } from '../../activities/memory/write-in-turn.ts'
import type { Records } from '../../store/records.ts'
import { aSessionOf, aStore, hands } from './folders.ts'

/** More than is done in one piece, and so in one turn or in two that this test cannot tell apart; far fewer than there are. */
const mostInTurn = 60
const manyFiles = 400
const names = Array.from({ length: manyFiles }, (_, n) => `/${n % 4}/${n}`)

/** What was done in one turn of the event loop, at most. */
const most = new Map<string, number>()
const inTurn = new Map<string, number>()
let turn: NodeJS.Immediate

function count(what: string, times = 1): void {
  inTurn.set(what, (inTurn.get(what) ?? 0) + times)
  most.set(what, Math.max(most.get(what) ?? 0, inTurn.get(what)!))
}

beforeEach(() => {
  most.clear()
  const next = () => {
    inTurn.clear()
    turn = setImmediate(next)
  }
  next()
  for (const step of ['stat', 'read', 'take', 'remove'] as const) {
    const method = HeldFolder.prototype[step] as (...input: unknown[]) => unknown
    vi.spyOn(HeldFolder.prototype, step).mockImplementation(function (this: HeldFolder, ...input: unknown[]) {
      count(step)
      return method.apply(this, input) as never
    })
  }
})
afterEach(() => {
  clearImmediate(turn)
  vi.restoreAllMocks()
})

/** Records that count the memories written; `longest` is the size of the largest transaction. */
function counted(records: Records) {
  const longest = { memories: 0, bytes: 0 }
  const memories = new Proxy(records.memories, {
    get(target, name) {
      const method = Reflect.get(target, name) as (...input: unknown[]) => Promise<unknown>
      if (name !== 'putMany' && name !== 'deleteMany') return method
      return (storeId: string, batch: { content?: string }[], ...rest: unknown[]) => {
        count(name, batch.length)
        const bytes = batch.reduce((sum, { content = '' }) => sum + content.length, 0)
        longest.memories = Math.max(longest.memories, batch.length)
        longest.bytes = Math.max(longest.bytes, bytes)
        return method.apply(target, [storeId, batch, ...rest])
      }
    },
  })
  return { records: { ...records, memories }, longest }
}

/** A session in whose folder many files were written. */
async function withMany() {
  const store = await aStore()
  const { records, longest } = counted(store.records)
  const session = await aSessionOf(store, { records })
  await session.prepare()
  for (const name of names) await session.write(name, `content of ${name}`)
  most.clear()
  return { store, session, longest }
}

describe('many files in a folder leave the event loop its turns', () => {
  it('while they are saved, some in a transaction, and while they are deleted', async () => {
    const { store, session, longest } = await withMany()
    await session.save()
    expect(await store.contents()).toEqual(Object.fromEntries(names.map((name) => [name, `content of ${name}`])))
    for (const what of ['stat', 'read', 'putMany']) {
      expect(most.get(what), what).toBeGreaterThan(0)
      expect(most.get(what), what).toBeLessThan(mostInTurn)
    }
    expect(longest.memories).toBeGreaterThan(1)
    for (const folder of ['/0', '/1', '/2', '/3']) await session.remove(folder)
    await session.save()
    expect(await store.contents()).toEqual({})
    expect(most.get('deleteMany')).toBeLessThan(mostInTurn)
  })

  it('while they are saved although each of them is long', async () => {
    const store = await aStore()
    const { records, longest } = counted(store.records)
    const session = await aSessionOf(store, { records })
    await session.prepare()
    for (const name of names.slice(0, 20)) await session.write(name, name.padEnd(100_000, 'x'))
    await session.save()
    expect(Object.keys(await store.contents())).toHaveLength(20)
    expect(longest.bytes).toBeLessThan(400_000)
  })

  it('while nothing has changed, and several sessions are looked at at once', async () => {
    const { store, session } = await withMany()
    await session.save()
    const others = [await aSessionOf(store), await aSessionOf(store), await aSessionOf(store)]
    for (const other of others) await other.prepare()
    most.clear()
    await Promise.all([session, ...others].map(({ memory, session: { id } }) => memory.settle(id)))
    expect(most.get('stat')).toBeLessThan(mostInTurn)
  })

  it('while they are brought to another folder, while they go from it, and when the store is deleted', async () => {
    const { store, session } = await withMany()
    await session.save()
    const other = hands(store, (await aSessionOf(store)).session, store.records)
    await other.prepare()
    expect(await other.contents()).toEqual(await store.contents())
    await session.remove('/0')
    await session.remove('/1')
    await session.save()
    await other.prepare()
    expect(await other.contents()).toEqual(await store.contents())
    await store.records.memoryStores.delete(store.id)
    await other.prepare()
    expect(await other.contents()).toEqual({})
    for (const what of ['stat', 'take', 'remove']) {
      expect(most.get(what), what).toBeGreaterThan(0)
      expect(most.get(what), what).toBeLessThan(mostInTurn)
    }
  })
})

describe('transactions of this process', () => {
  it('come one after the other, with a turn of the event loop before each; one that fails stops no other', async () => {
    const seen: string[] = []
    /** Whether what was waiting when the one before ended had its turn: a timer, or what comes behind the timers. */
    let others = false
    const haveOthersWait = () => {
      others = false
      setTimeout(() => (others = true), 1)
      setImmediate(() => (others = true))
    }
    const write = (name: string) =>
      writeInTurn(async () => {
        seen.push(`${name} begins${others ? ' in a new turn' : ''}`)
        await Promise.resolve()
        seen.push(`${name} ends`)
        haveOthersWait()
        if (name === 'b') throw new Error('refused')
        return name
      })
    haveOthersWait()
    const results = await Promise.allSettled([write('a'), write('b'), write('c')])
    expect(results.map(({ status }) => status)).toEqual(['fulfilled', 'rejected', 'fulfilled'])
    const inTurns = ['a', 'b', 'c'].flatMap((name) => [`${name} begins in a new turn`, `${name} ends`])
    expect(seen).toEqual(inTurns)
  })
})

describe('a folder that is rewritten all the time', () => {
  it('holds nobody up: every file is looked at once', async () => {
    const store = await aStore()
    const session = await aSessionOf(store)
    await session.prepare()
    for (const name of names) await session.write(name, '0')
    let writes = 0
    let over = false
    const writer = (async () => {
      while (!over) await session.write(names[writes++ % 10]!, `${writes}`)
    })()
    onTestFinished(() => {
      over = true
    })
    most.clear()
    await session.save()
    over = true
    await writer
    expect(vi.mocked(HeldFolder.prototype.read).mock.calls.length).toBeLessThan(2 * manyFiles)
    await session.save()
    expect(await store.contents()).toEqual(await session.contents())
  })
})
