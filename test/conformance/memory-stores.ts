import { describe, expect, it } from 'vitest'
import { rejection } from './rejection.ts'
import type { World } from './world.ts'

export function memoryStoreConformance(world: World): void {
  describe('memory stores', () => {
    it('are created, read, listed, changed, archived and deleted', async () => {
      const { memoryStores } = world.client.beta
      const store = await memoryStores.create({ name: 'notes' })
      const changed = await memoryStores.update(store.id, { description: 'of the team' })
      expect(await memoryStores.retrieve(store.id)).toEqual(changed)
      expect((await memoryStores.list({ limit: 1 })).data).toEqual([changed])
      expect((await memoryStores.archive(store.id)).archived_at).toMatch(/Z$/)
      expect(await memoryStores.delete(store.id)).toMatchObject({ id: store.id, type: 'memory_store_deleted' })
    })

    it('hold memories with versions, which may be redacted', async () => {
      const { memories, memoryVersions, ...memoryStores } = world.client.beta.memoryStores
      expect(memoryStores).toBeDefined()
      const { id: memory_store_id } = await world.client.beta.memoryStores.create({ name: 'versions' })
      const memory = await memories.create(memory_store_id, { path: '/a.md', content: 'one' })
      expect(await rejection(memories.create(memory_store_id, { path: '/a.md', content: 'two' }))).toMatchObject({
        status: 409,
        error: { error: { type: 'memory_path_conflict_error' } },
      })
      const stale = { type: 'content_sha256' as const, content_sha256: '0'.repeat(64) }
      const refused = memories.update(memory.id, { memory_store_id, content: 'two', precondition: stale })
      expect(await rejection(refused)).toMatchObject({
        status: 409,
        error: { error: { type: 'memory_precondition_failed_error' } },
      })
      await memories.update(memory.id, { memory_store_id, content: 'two' })
      expect(await memories.retrieve(memory.id, { memory_store_id })).toMatchObject({ content: 'two' })
      expect((await memories.list(memory_store_id)).data).toMatchObject([{ path: '/a.md' }])
      const { data } = await memoryVersions.list(memory_store_id)
      expect(data.map(({ operation }) => operation)).toEqual(['modified', 'created'])
      const first = await memoryVersions.retrieve(data[1]!.id, { memory_store_id })
      expect(first).toMatchObject({ memory_id: memory.id })
      expect(await memoryVersions.redact(first.id, { memory_store_id })).toMatchObject({ content: null, path: null })
      expect(await memories.delete(memory.id, { memory_store_id })).toMatchObject({ type: 'memory_deleted' })
    })
  })
}
