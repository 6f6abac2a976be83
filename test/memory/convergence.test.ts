import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { aSessionOf, aStore, failingAfter, hands } from './folders.ts'

const path = fc.constantFrom('/a', '/b', '/d/a', '/d/b', '/d/e/f', '/g')
const who = fc.constantFrom<0 | 1>(0, 1)
const step = fc.oneof(
  { weight: 4, arbitrary: fc.record({ type: fc.constant('agent writes' as const), who, path }) },
  { weight: 2, arbitrary: fc.record({ type: fc.constant('agent deletes' as const), who, path }) },
  { weight: 2, arbitrary: fc.record({ type: fc.constant('api writes' as const), path }) },
  { weight: 1, arbitrary: fc.record({ type: fc.constant('api deletes' as const), path }) },
  { weight: 4, arbitrary: fc.record({ type: fc.constant('compare' as const), who }) },
  {
    weight: 2,
    arbitrary: fc.record({ type: fc.constant('compare, killed' as const), who, after: fc.constantFrom(1, 2) }),
  },
)

describe('two sessions and the API on one store', () => {
  it('come to the same state, and the history has every write once', { timeout: 120_000 }, async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 30 }), async (steps) => {
        const store = await aStore({ '/a': 'first', '/d/a': 'first too' })
        const sessions = [await aSessionOf(store), await aSessionOf(store)] as const
        for (const session of sessions) await session.prepare()
        /** What lies in a folder and was not compared yet, by session and path: it must become a version. */
        const pending = [new Map<string, string>(), new Map<string, string>()] as const
        const expected: string[] = []
        let count = 0
        const compare = async (session: 0 | 1) => {
          await sessions[session].save()
          expected.push(...pending[session].values())
          pending[session].clear()
        }
        const compareKilled = async (session: 0 | 1, after: number) => {
          await hands(store, sessions[session].session, failingAfter(store.records, after)).save()
          // What it came to do is done, and must not be done again.
          const made = new Set((await store.versions()).map(({ content }) => content))
          for (const [at, content] of pending[session]) {
            if (!made.has(content)) continue
            expected.push(content)
            pending[session].delete(at)
          }
        }
        for (const action of steps) {
          if (action.type === 'compare') await compare(action.who)
          else if (action.type === 'compare, killed') await compareKilled(action.who, action.after)
          else if (action.type === 'api deletes') await store.remove(action.path)
          else if (action.type === 'agent deletes') {
            await sessions[action.who].remove(action.path)
            pending[action.who].delete(action.path)
          } else {
            const content = `write ${count++}`
            if (action.type === 'api writes') {
              await store.write(action.path, content)
              expected.push(content)
            } else {
              await sessions[action.who].write(action.path, content)
              pending[action.who].set(action.path, content)
            }
          }
        }
        for (const session of [0, 1, 0, 1] as const) await compare(session)
        const contents = await store.contents()
        for (const session of sessions) {
          expect(await session.contents()).toEqual(contents)
          expect(session.faults).toEqual([])
        }
        const written = (await store.versions()).flatMap(({ content }) => content ?? [])
        expect(written.toSorted()).toEqual(['first', 'first too', ...expected].toSorted())
      }),
      { numRuns: 40 },
    )
  })
})
