import { describe, expect, it } from 'vitest'
import { rejection } from './rejection.ts'
import type { World } from './world.ts'

export function agentConformance(world: World): void {
  describe('agents', () => {
    it('are created, read, listed, changed into versions and archived', async () => {
      const { agents } = world.client.beta
      const agent = await agents.create({ name: 'Reviewer', model: 'claude-opus-5', metadata: { team: 'a' } })
      expect(agent).toMatchObject({ type: 'agent', version: 1, archived_at: null })
      const changed = await agents.update(agent.id, { version: 1, system: 'Be brief.' })
      expect(changed).toMatchObject({ version: 2, system: 'Be brief.', metadata: { team: 'a' } })
      expect(await agents.retrieve(agent.id)).toEqual(changed)
      expect(await agents.retrieve(agent.id, { version: 1 })).toEqual(agent)
      const versions = []
      for await (const version of agents.versions.list(agent.id, { limit: 1 })) versions.push(version.version)
      expect(versions).toEqual([2, 1])
      expect((await agents.list({ limit: 1 })).data[0]).toEqual(changed)
      expect((await agents.archive(agent.id)).archived_at).toMatch(/Z$/)
    })

    it('are refused with a conflict when they have changed meanwhile', async () => {
      const { agents } = world.client.beta
      const agent = await agents.create({ name: 'v1', model: 'claude-opus-5' })
      await agents.update(agent.id, { name: 'v2' })
      expect(await rejection(agents.update(agent.id, { version: 1, name: 'v3' }))).toMatchObject({ status: 409 })
    })
  })
}
