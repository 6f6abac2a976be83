import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { contentSha256 } from '../../protocol/memories.ts'
import { createMemoryStore } from '../../protocol/memory-stores.ts'
import { aStore } from './folders.ts'

const paths = ['/a', '/a/b', '/a/b/c', '/b', '/b/a', '/c']
const contents = ['', 'one', 'two']
const aPath = fc.constantFrom(...paths)
const aContent = fc.constantFrom(...contents)
const which = fc.nat(5)

const operation = fc.oneof(
  fc.record({ type: fc.constant('create' as const), path: aPath, content: aContent }),
  fc.record({
    type: fc.constant('update' as const),
    which,
    path: fc.option(aPath, { nil: undefined }),
    content: fc.option(aContent, { nil: undefined }),
    expected: fc.option(aContent, { nil: undefined }),
  }),
  fc.record({
    type: fc.constant('put' as const),
    path: aPath,
    content: aContent,
    origin: fc.constantFrom('1', '2', '3'),
  }),
  fc.record({ type: fc.constant('delete' as const), which, expected: fc.option(aContent, { nil: undefined }) }),
)

/** The rules, as simply as they can be said. Source: spec §17.2–17.4. */
class Model {
  memories: { path: string; content: string }[] = []
  versions: [operation: string, path: string, content: string | null][] = []
  origins = new Set<string>()

  conflicts(path: string, except?: object): boolean {
    return this.memories.some(
      (memory) => memory !== except && (`${memory.path}/`.startsWith(`${path}/`) || path.startsWith(`${memory.path}/`)),
    )
  }

  apply(step: Step): string {
    if (step.type === 'create' || step.type === 'put') return this.write(step)
    const memory = this.memories[step.which]
    if (!memory) return 'no_memory'
    const stale = step.expected !== undefined && step.expected !== memory.content
    if (step.type === 'delete') {
      if (stale) return 'precondition_failed'
      this.memories.splice(step.which, 1)
      this.versions.push(['deleted', memory.path, null])
      return 'deleted'
    }
    const { path = memory.path, content = memory.content } = step
    if (path === memory.path && content === memory.content) return 'written'
    if (stale) return 'precondition_failed'
    if (path !== memory.path && this.conflicts(path, memory)) return 'path_conflict'
    Object.assign(memory, { path, content })
    this.versions.push(['modified', path, content])
    return 'written'
  }

  write(step: { type: 'create' | 'put'; path: string; content: string; origin?: string }): string {
    const { type, path, content, origin } = step
    if (origin && this.origins.has(origin)) return 'written'
    const there = type === 'put' ? this.memories.find((memory) => memory.path === path) : undefined
    if (there?.content === content) return 'written'
    if (!there && this.conflicts(path)) return 'path_conflict'
    if (there) there.content = content
    else this.memories.push({ path, content })
    this.versions.push([there ? 'modified' : 'created', path, content])
    if (origin) this.origins.add(origin)
    return 'written'
  }
}
type Step = typeof operation extends fc.Arbitrary<infer T> ? T : never

describe('the rules of memories', () => {
  it('hold for any sequence of writes', { timeout: 60_000 }, async () => {
    const { records } = await aStore()
    await fc.assert(
      fc.asyncProperty(fc.array(operation, { maxLength: 25 }), async (steps) => {
        const store = createMemoryStore({ name: 's' }, new Date(0).toISOString())
        await records.memoryStores.insert(store)
        const { id } = store
        const model = new Model()
        const ids: string[] = []
        const author = { actor: null, now: new Date(0).toISOString() }
        for (const step of steps) {
          const { memories } = records
          const sha = (text: string | undefined) => text !== undefined && contentSha256(text)
          const result =
            step.type === 'create'
              ? await memories.create(id, step, author)
              : step.type === 'put'
                ? (await memories.putMany(id, [{ ...step, origin: `${id} ${step.origin}` }], author))[0]!
                : step.type === 'update'
                  ? await memories.update(
                      id,
                      ids[step.which] ?? 'mem_none',
                      { path: step.path, content: step.content, expectedSha256: sha(step.expected) || undefined },
                      author,
                    )
                  : await memories.delete(
                      id,
                      ids[step.which] ?? 'mem_none',
                      { sha256: sha(step.expected) || undefined },
                      author,
                    )
          const known = model.memories.length
          expect(result.outcome).toBe(model.apply(step))
          if (model.memories.length < known && step.type === 'delete') ids.splice(step.which, 1)
          if (model.memories.length > known) {
            if (result.outcome !== 'written') throw new Error(result.outcome)
            ids.push('memory' in result ? result.memory.id : result.memoryId)
          }
        }
        const found = await records.memories.getMany(id, ids)
        const byPath = (a: { path: string }, b: { path: string }) => (a.path < b.path ? -1 : 1)
        expect(found.map(({ path, content }) => ({ path, content })).toSorted(byPath)).toEqual(
          model.memories.toSorted(byPath),
        )
        expect((await records.memories.heads(id)).map((head) => head.path)).toEqual(
          model.memories.map(({ path }) => path).toSorted(),
        )
        const { rows } = await records.memoryVersions.list(id, { limit: 100, withContent: true })
        expect(rows.map(({ version }) => [version.operation, version.path, version.content]).reverse()).toEqual(
          model.versions,
        )
      }),
      { numRuns: 150 },
    )
  })
})
