import { toFile } from '@anthropic-ai/sdk'
import { describe, expect, it } from 'vitest'
import { rejection } from './rejection.ts'
import type { World } from './world.ts'

export function sessionResourceConformance(world: World): void {
  describe('resources of a session', () => {
    it('are added, retrieved, listed, updated and deleted', async () => {
      const { host, client } = world
      const { resources } = client.beta.sessions
      const file = await client.beta.files.upload({ file: await toFile(Buffer.from('hello'), 'a.txt') })
      const session = await client.beta.sessions.create({
        agent: host.agent,
        environment_id: host.environment,
        resources: [{ type: 'github_repository', url: 'https://github.com/owner/repo', authorization_token: 'one' }],
      })
      const session_id = session.id
      const [repository] = session.resources
      if (repository?.type !== 'github_repository') throw new Error('no repository')
      expect(repository).not.toHaveProperty('authorization_token')
      const added = await resources.add(session_id, { type: 'file', file_id: file.id })
      expect(added).toMatchObject({ type: 'file', mount_path: `/mnt/session/uploads/${file.id}` })
      expect(added.file_id).not.toBe(file.id)
      expect(await resources.retrieve(added.id, { session_id })).toEqual(added)
      expect((await resources.list(session_id)).data).toEqual([repository, added])
      const updated = await resources.update(repository.id, { session_id, authorization_token: 'two' })
      expect(updated).toEqual({ ...repository, updated_at: expect.any(String) })
      expect(await resources.delete(added.id, { session_id })).toEqual({
        id: added.id,
        type: 'session_resource_deleted',
      })
      expect(await rejection(resources.delete(repository.id, { session_id }))).toMatchObject({ status: 400 })
      expect(await rejection(resources.retrieve(added.id, { session_id }))).toMatchObject({ status: 404 })
    })
  })
}
