import { toFile } from '@anthropic-ai/sdk'
import { describe, expect, it } from 'vitest'
import { converse, lastText } from '../support/conversation.ts'
import { rejection } from './rejection.ts'
import type { World } from './world.ts'

export function sessionConformance(world: World): void {
  const create = (fields: object = {}) =>
    world.client.beta.sessions.create({ agent: world.host.agent, environment_id: world.host.environment, ...fields })

  describe('sessions', () => {
    it('are created, read, listed, changed, archived and deleted', async () => {
      const { sessions } = world.client.beta
      const session = await create({ title: 'first' })
      expect(session).toMatchObject({ type: 'session', status: 'idle', title: 'first', resources: [] })
      const changed = await sessions.update(session.id, { title: 'second', metadata: { a: '1' } })
      expect(changed).toMatchObject({ title: 'second', metadata: { a: '1' } })
      expect(await sessions.retrieve(session.id)).toMatchObject({ title: 'second' })
      expect((await sessions.list({ agent_id: world.host.agent, limit: 1 })).data).toMatchObject([{ id: session.id }])
      expect(await sessions.archive(session.id)).toMatchObject({ status: 'terminated' })
      expect(await rejection(sessions.events.send(session.id, { events: [{ type: 'user.interrupt' }] }))).toMatchObject(
        {
          status: 409,
        },
      )
      expect(await sessions.delete(session.id)).toEqual({ id: session.id, type: 'session_deleted' })
      expect(await rejection(sessions.retrieve(session.id))).toMatchObject({ status: 404 })
    })

    it('read the files that they are given', async () => {
      const file = await world.client.beta.files.upload({ file: await toFile(Buffer.from('the word is fox'), 'w.txt') })
      const session = await create({ resources: [{ type: 'file', file_id: file.id, mount_path: '/data/w.txt' }] })
      expect(session.resources).toMatchObject([{ type: 'file', mount_path: '/data/w.txt' }])
      const events = await converse(world.client, session.id, '#bash cat /data/w.txt\n#say {{last}}')
      expect(lastText(events)).toContain('fox')
    })
  })
}
