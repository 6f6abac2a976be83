import { describe, expect, it } from 'vitest'
import type { World } from './world.ts'

export function environmentConformance(world: World): void {
  describe('environments', () => {
    it('are created, read, listed, changed, archived and deleted', async () => {
      const { environments } = world.client.beta
      const environment = await environments.create({ name: 'sandbox', metadata: { a: '1' } })
      expect(environment).toMatchObject({ type: 'environment', config: { type: 'cloud' } })
      const changed = await environments.update(environment.id, { description: 'for tests', metadata: { a: '' } })
      expect(changed).toMatchObject({ description: 'for tests', metadata: {} })
      expect(await environments.retrieve(environment.id)).toEqual(changed)
      expect((await environments.list({ limit: 1 })).data).toEqual([changed])
      expect((await environments.archive(environment.id)).archived_at).toMatch(/Z$/)
      expect(await environments.delete(environment.id)).toEqual({ id: environment.id, type: 'environment_deleted' })
    })
  })
}
