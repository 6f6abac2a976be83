import { toFile } from '@anthropic-ai/sdk'
import { describe, expect, it } from 'vitest'
import { converse } from '../support/conversation.ts'
import { rejection } from './rejection.ts'
import type { World } from './world.ts'

export function fileConformance(world: World): void {
  describe('files', () => {
    it('are uploaded, described, listed, downloaded and deleted', async () => {
      const { files } = world.client.beta
      const file = await files.upload({ file: await toFile(Buffer.from('hello'), 'a.txt'), expires_in_seconds: 3600 })
      expect(file).toMatchObject({ filename: 'a.txt', mime_type: 'text/plain', size_bytes: 5, scope: null })
      expect(await files.retrieveMetadata(file.id)).toEqual(file)
      expect((await files.list({ ids: [file.id] })).data).toEqual([file])
      expect(await (await files.download(file.id)).text()).toBe('hello')
      expect(await files.delete(file.id)).toEqual({ id: file.id, type: 'file_deleted' })
      expect(await rejection(files.retrieveMetadata(file.id))).toMatchObject({ status: 404 })
    })

    it('that an agent leaves in its outputs folder are listed by session and downloadable', async () => {
      const { host, client } = world
      const { id } = await client.beta.sessions.create({ agent: host.agent, environment_id: host.environment })
      await converse(client, id, '#bash echo result > /mnt/session/outputs/result.txt\n#say done')
      const [output] = (await client.beta.files.list({ scope_id: id })).data
      expect(output).toMatchObject({ filename: 'result.txt', downloadable: true, scope: { type: 'session', id } })
      expect(await (await client.beta.files.download(output!.id)).text()).toBe('result\n')
    })
  })
}
