import { describe, expect, it } from 'vitest'
import { newId } from '../../protocol/ids.ts'
import { contentSha256 } from '../../protocol/memories.ts'
import { createMemoryStore, type MemoryStore } from '../../protocol/memory-stores.ts'
import type { MemoryAuthor } from '../../store/memory-records.ts'
import type { Records } from '../../store/records.ts'
import { aConfiguration, aSession, second } from './samples.ts'

const by = (n = 0): MemoryAuthor => ({ actor: { type: 'session_actor', session_id: 'sesn_1' }, now: second(n) })

/**
 * What every implementation of the memory stores' records does.
 * @param open gives empty records, closed when the test is over
 */
export function memoryConformance(implementation: string, open: () => Promise<Records>): void {
  async function withStore(fields: Partial<MemoryStore> = {}) {
    const records = await open()
    const store = { ...createMemoryStore({ name: 's' }, second(0)), ...fields }
    await records.memoryStores.insert(store)
    return { ...records, store, id: store.id }
  }

  describe(`memory stores in ${implementation}`, () => {
    it('are found, changed from the newest state only, and listed', async () => {
      const { memoryStores, store } = await withStore()
      const renamed = { ...store, name: 'other' }
      expect(await memoryStores.update(renamed, store)).toBe(true)
      expect(await memoryStores.update({ ...store, name: 'late' }, store)).toBe(false)
      expect(await memoryStores.get(store.id)).toEqual(renamed)
      const archived = { ...renamed, archived_at: second(2) }
      await memoryStores.update(archived, renamed)
      expect((await memoryStores.list({ limit: 5 })).rows).toEqual([])
      expect((await memoryStores.list({ limit: 5, includeArchived: true })).rows).toEqual([archived])
    })

    it('go with their memories and versions', async () => {
      const { memoryStores, memories, memoryVersions, id } = await withStore()
      await memories.create(id, { path: '/a', content: 'x' }, by())
      expect(await memoryStores.delete(id)).toBe(true)
      expect(await memoryStores.delete(id)).toBe(false)
      expect(await memories.heads(id)).toEqual([])
      expect((await memoryVersions.list(id, { limit: 5, withContent: true })).rows).toEqual([])
      expect(await memories.create(id, { path: '/a', content: 'x' }, by())).toEqual({ outcome: 'no_store' })
      expect(await memoryStores.changes([id])).toEqual(new Map())
    })

    it('find the sessions that they are attached to', async () => {
      const { sessions, id } = await withStore()
      const resource = {
        ...{ type: 'memory_store' as const, memory_store_id: id, access: 'read_only' as const, instructions: null },
        ...{ name: 's', description: '', mount_path: '/mnt/memory/s' },
      }
      const attached = aSession({ resources: [resource] })
      await sessions.insert(attached, aConfiguration)
      await sessions.insert(aSession(), aConfiguration)
      const query = { limit: 5, memoryStoreId: id }
      expect((await sessions.list(query)).rows).toEqual([attached])
      await sessions.delete(attached.id)
      expect((await sessions.list(query)).rows).toEqual([])
    })
  })

  describe(`memories in ${implementation}`, () => {
    it('hold every text, and count as a change each', async () => {
      const { memories, memoryStores, id } = await withStore()
      const content = '🦊 "quoted" \u0000 \\ \u2028 end'
      const written = await memories.create(id, { path: '/a/b.md', content }, by(3))
      if (written.outcome !== 'written') throw new Error(written.outcome)
      const { memory } = written
      expect(await memories.get(id, memory.id)).toEqual(memory)
      expect(memory).toMatchObject({
        content,
        content_sha256: contentSha256(content),
        content_size_bytes: Buffer.byteLength(content),
        created_at: second(3),
      })
      expect(await memoryStores.changes([id, 'memstore_none'])).toEqual(new Map([[id, 1]]))
      expect(await memories.get('memstore_other', memory.id)).toBeUndefined()
    })

    it('take one of several writers that expect the same content', async () => {
      const { memories, memoryVersions, id } = await withStore()
      const first = await memories.create(id, { path: '/a', content: 'one' }, by())
      if (first.outcome !== 'written') throw new Error(first.outcome)
      const expectedSha256 = contentSha256('one')
      const written = await Promise.all(
        ['a', 'b', 'c'].map((content) => memories.update(id, first.memory.id, { content, expectedSha256 }, by(1))),
      )
      expect(written.map(({ outcome }) => outcome).toSorted()).toEqual([
        'precondition_failed',
        'precondition_failed',
        'written',
      ])
      expect((await memoryVersions.list(id, { limit: 9, withContent: false })).rows).toHaveLength(2)
    })

    it('are written once by a write that is repeated, whatever came in between', async () => {
      const { memories, memoryVersions, id } = await withStore()
      const write = (content: string, origin: string) => memories.putMany(id, [{ path: '/a', content, origin }], by())
      const first = await write('mine', 'o1')
      const other = await write('theirs', 'o2')
      expect(await write('mine', 'o1')).toEqual(first)
      expect(await memories.heads(id)).toMatchObject([{ sha256: contentSha256('theirs') }])
      // The same content under another name is no change, and no version.
      expect(await write('theirs', 'o3')).toEqual(other)
      const { rows } = await memoryVersions.list(id, { limit: 9, withContent: true })
      expect(rows.map(({ version }) => [version.operation, version.content])).toEqual([
        ['modified', 'theirs'],
        ['created', 'mine'],
      ])
    })

    it('are deleted only as they were seen', async () => {
      const { memories, id } = await withStore()
      const first = await memories.create(id, { path: '/a', content: 'one' }, by())
      if (first.outcome !== 'written') throw new Error(first.outcome)
      const { memory } = first
      await memories.update(id, memory.id, { content: 'two' }, by())
      const seen = { id: memory.id, versionId: memory.memory_version_id }
      const before = { sha256: contentSha256('one') }
      expect(await memories.delete(id, memory.id, before, by())).toEqual({ outcome: 'precondition_failed' })
      expect(await memories.deleteMany(id, [seen], by())).toEqual([{ outcome: 'precondition_failed' }])
      expect(await memories.delete(id, memory.id, { sha256: contentSha256('two') }, by())).toEqual({
        outcome: 'deleted',
      })
      expect(await memories.delete(id, memory.id, {}, by())).toEqual({ outcome: 'no_memory' })
    })

    it('are written many at once: one that is refused stops no other', async () => {
      const { memories, memoryStores, memoryVersions, id } = await withStore()
      const put = (path: string) => ({ path, content: path, origin: path })
      const results = await memories.putMany(id, ['/a', '/a/b', '/c', '/a'].map(put), by())
      expect(results.map(({ outcome }) => outcome)).toEqual(['written', 'path_conflict', 'written', 'written'])
      expect(results[3]).toEqual(results[0])
      const [a, c] = await memories.heads(id)
      const gone = [
        { id: a!.id, versionId: c!.versionId },
        { id: c!.id, versionId: c!.versionId },
        { id: c!.id, versionId: c!.versionId },
      ]
      const deleted = await memories.deleteMany(id, gone, by())
      expect(deleted.map(({ outcome }) => outcome)).toEqual(['precondition_failed', 'deleted', 'no_memory'])
      expect(await memories.heads(id)).toEqual([a])
      const { rows } = await memoryVersions.list(id, { limit: 9, withContent: false })
      expect(rows.map(({ number, version }) => `${number} ${version.operation} ${version.path}`)).toEqual([
        ...['3 deleted /c', '2 created /c', '1 created /a'],
      ])
      expect(await memoryStores.changes([id])).toEqual(new Map([[id, 3]]))
      expect(await memories.putMany('memstore_none', [put('/a'), put('/b')], by())).toEqual([
        { outcome: 'no_store' },
        { outcome: 'no_store' },
      ])
    })

    it('written many at once are no more than a store holds', async () => {
      const { memories, id } = await withStore()
      const put = (from: number, to: number) =>
        memories.putMany(
          id,
          Array.from({ length: to - from }, (_, n) => ({ path: `/${from + n}`, content: '', origin: `${from + n}` })),
          by(),
        )
      await put(0, 1998)
      const outcomes = (await put(1998, 2002)).map(({ outcome }) => outcome)
      expect(outcomes).toEqual(['written', 'written', 'store_full', 'store_full'])
    })

    it('are listed in parts, by path, and found by their ids in their store only', async () => {
      const { memories, id } = await withStore()
      await memories.putMany(
        id,
        ['/b', '/a', '/d', '/c'].map((path) => ({ path, content: path, origin: path })),
        by(),
      )
      const all = await memories.heads(id)
      const paths = async (after: string | undefined) =>
        (await memories.heads(id, { after, limit: 2 })).map(({ path }) => path)
      expect([await paths(undefined), await paths('/b'), await paths('/d')]).toEqual([['/a', '/b'], ['/c', '/d'], []])
      const ids = all.map((head) => head.id)
      expect((await memories.getMany(id, ids)).map(({ path }) => path).toSorted()).toEqual(['/a', '/b', '/c', '/d'])
      expect(await memories.getMany('memstore_other', ids)).toEqual([])
    })

    it('have paths none of which lies above another', async () => {
      const { memories, id } = await withStore()
      const create = async (path: string) => memories.create(id, { path, content: '' }, by())
      const first = await create('/a/b')
      if (first.outcome !== 'written') throw new Error(first.outcome)
      const conflict = { outcome: 'path_conflict', path: '/a/b', memoryId: first.memory.id }
      for (const path of ['/a', '/a/b', '/a/b/c', '/a/b/c/d']) expect(await create(path)).toEqual(conflict)
      for (const path of ['/a/b-', '/a/b0', '/A', '/a/c']) expect((await create(path)).outcome).toBe('written')
      expect((await memories.heads(id)).map(({ path }) => path)).toEqual(['/A', '/a/b', '/a/b-', '/a/b0', '/a/c'])
      expect(await memories.update(id, first.memory.id, { path: '/a/b/c' }, by())).toMatchObject({
        memory: { id: first.memory.id, path: '/a/b/c' },
      })
    })

    it('of an archived store can be deleted, not written', async () => {
      const { memories, memoryStores, store, id } = await withStore()
      const first = await memories.create(id, { path: '/a', content: 'one' }, by())
      if (first.outcome !== 'written') throw new Error(first.outcome)
      await memoryStores.update({ ...store, archived_at: second(1) }, store)
      const refused = { outcome: 'store_archived' }
      expect(await memories.create(id, { path: '/b', content: '' }, by())).toEqual(refused)
      expect(await memories.update(id, first.memory.id, { content: 'two' }, by())).toEqual(refused)
      const { id: memoryId, memory_version_id: versionId } = first.memory
      const put = { path: '/a', content: 'two', origin: 'o' }
      expect(await memories.putMany(id, [put, put], by())).toEqual([refused, refused])
      expect(await memories.deleteMany(id, [{ id: memoryId, versionId }], by())).toEqual([refused])
      expect(await memories.delete(id, first.memory.id, {}, by())).toEqual({ outcome: 'deleted' })
    })
  })

  describe(`memory versions in ${implementation}`, () => {
    it('are numbered as they were made, whatever the clock said, and filtered', async () => {
      const { memories, memoryVersions, id } = await withStore()
      const first = await memories.create(id, { path: '/a', content: 'one' }, by(9))
      if (first.outcome !== 'written') throw new Error(first.outcome)
      await memories.update(id, first.memory.id, { content: 'two' }, { actor: null, now: second(1) })
      await memories.create(id, { path: '/b', content: '' }, by(5))
      await memories.delete(id, first.memory.id, {}, by(5))
      const list = async (query: object) =>
        (await memoryVersions.list(id, { limit: 9, withContent: false, ...query })).rows.map(({ number }) => number)
      expect(await list({})).toEqual([4, 3, 2, 1])
      expect(await list({ limit: 2, after: 4 })).toEqual([3, 2])
      expect(await list({ memoryId: first.memory.id })).toEqual([4, 2, 1])
      expect(await list({ sessionId: 'sesn_1' })).toEqual([4, 3, 1])
      expect(await list({ operation: 'created' })).toEqual([3, 1])
      expect(await list({ createdAt: { gte: second(5), lte: second(5) } })).toEqual([4, 3])
    })

    it('forget what they said when redacted, unless a memory has it now', async () => {
      const { memories, memoryVersions, id } = await withStore()
      const first = await memories.create(id, { path: '/a', content: 'secret' }, by())
      if (first.outcome !== 'written') throw new Error(first.outcome)
      const { memory } = first
      const author = { actor: { type: 'api_actor' as const, api_key_id: 'apikey_1' }, now: second(7) }
      const redact = () => memoryVersions.redact(id, memory.memory_version_id, author)
      expect(await redact()).toBe('head')
      await memories.update(id, memory.id, { content: 'clean' }, by())
      const redacted = await redact()
      expect(redacted).toMatchObject({ path: null, content: null, content_sha256: null, content_size_bytes: null })
      expect(redacted).toMatchObject({ operation: 'created', redacted_at: second(7), redacted_by: author.actor })
      expect(await memoryVersions.redact(id, memory.memory_version_id, by(9))).toEqual(redacted)
      expect(await memoryVersions.redact(id, newId('memoryVersion'), author)).toBeUndefined()
    })
  })
}
