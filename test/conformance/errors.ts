import { describe, expect, it } from 'vitest'
import { startServer } from '../../server/main.ts'
import { rejection } from './rejection.ts'
import type { World } from './world.ts'

export function errorConformance(world: World): void {
  describe('errors', () => {
    it('name the field that is wrong', async () => {
      const error = await rejection(world.client.beta.agents.create({ name: '', model: 'claude-opus-5' }))
      expect(error).toMatchObject({ status: 400, error: { type: 'error', error: { type: 'invalid_request_error' } } })
      expect(String(error)).toContain('name')
    })

    it('say which object does not exist', async () => {
      expect(await rejection(world.client.beta.sessions.retrieve('sesn_none'))).toMatchObject({ status: 404 })
    })

    it('refuse unknown keys, bodies that are too long, and too many requests', async () => {
      const limits = { requestBytes: 1000 }
      const rates = { readsPerMinute: 1 }
      const server = await startServer({ api: world.host.holdfast, apiKeys: ['a-key-of-the-test'], limits, rates })
      try {
        const stranger = world.recorder.client({ apiKey: 'wrong', baseURL: server.url })
        expect(await rejection(stranger.beta.agents.list())).toMatchObject({ status: 401 })
        const known = world.recorder.client({ apiKey: 'a-key-of-the-test', baseURL: server.url })
        await known.beta.agents.list()
        expect(await rejection(known.beta.agents.list())).toMatchObject({ status: 429 })
        const system = 'x'.repeat(2000)
        expect(await rejection(known.beta.agents.create({ name: 'a', model: 'claude-opus-5', system }))).toMatchObject({
          status: 413,
        })
      } finally {
        await server.close()
      }
    })
  })
}
