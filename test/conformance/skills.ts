import { describe, expect, it } from 'vitest'
import { skillFiles, skillText } from '../skills/support.ts'
import { converse, lastText } from '../support/conversation.ts'
import { rejection } from './rejection.ts'
import type { World } from './world.ts'

export function skillConformance(world: World): void {
  const files = (description: string) => skillFiles({ 'x/SKILL.md': skillText('tidy-tables', description) })

  describe('skills', () => {
    it('are created, retrieved, listed and deleted', async () => {
      const { skills } = world.client.beta
      const skill = await skills.create({ display_name: 'Tables', files: files('Makes tables.') })
      expect(skill).toMatchObject({ type: 'skill', display_name: 'Tables', source: { type: 'custom' } })
      expect(await skills.retrieve(skill.id)).toEqual(skill)
      expect((await skills.list({ source: 'custom' })).data).toContainEqual(skill)
      expect(await skills.delete(skill.id)).toEqual({ id: skill.id, type: 'skill_deleted' })
      expect(await rejection(skills.retrieve(skill.id))).toMatchObject({ status: 404 })
    })

    it('have versions, which are created, retrieved, listed, downloaded and deleted', async () => {
      const { skills } = world.client.beta
      const { id: skill_id, latest_version_id } = await skills.create({ files: files('first') })
      const first = await skills.versions.retrieve(latest_version_id, { skill_id })
      const second = await skills.versions.create(skill_id, { files: files('second') })
      expect(second).toMatchObject({ type: 'skill_version', skill_id, name: 'tidy-tables', description: 'second' })
      expect((await skills.versions.list(skill_id)).data).toEqual([second, first])
      const content = await (await skills.versions.download(second.id, { skill_id })).arrayBuffer()
      expect(Buffer.from(content).subarray(0, 2).toString()).toBe('PK')
      const deleted = { id: second.id, type: 'skill_version_deleted' }
      expect(await skills.versions.delete(second.id, { skill_id })).toEqual(deleted)
    })

    it('of an agent are there for its sessions to read', async () => {
      const { host, client } = world
      const skill = await client.beta.skills.create({ files: files('Makes tables.') })
      const agent = await client.beta.agents.create({
        name: 'Skilled',
        model: 'claude-opus-5',
        tools: [{ type: 'agent_toolset_20260401' }],
        skills: [{ type: 'custom', skill_id: skill.id }],
      })
      const { id } = await client.beta.sessions.create({ agent: agent.id, environment_id: host.environment })
      const script = '#tool read {"file_path":"/mnt/session/skills/tidy-tables/SKILL.md"}\n#say {{last}}'
      expect(lastText(await converse(client, id, script))).toContain('description: Makes tables.')
    })
  })
}
