import { describe, expect, it } from 'vitest'
import { converse, listed, typesOf } from '../support/conversation.ts'
import { rejection } from './rejection.ts'
import type { World } from './world.ts'

export function sessionThreadConformance(world: World): void {
  describe('threads of a session', () => {
    const create = () =>
      world.client.beta.sessions.create({ agent: world.host.agent, environment_id: world.host.environment })

    it('are one, which is what the session is', async () => {
      const { sessions } = world.client.beta
      const { threads } = sessions
      const { id: session_id, agent } = await create()
      const [first, ...others] = (await threads.list(session_id)).data
      expect(others).toEqual([])
      const { multiagent: _, ...own } = agent
      expect(first).toMatchObject({
        type: 'session_thread',
        id: expect.stringMatching(/^sthr_/),
        session_id,
        parent_thread_id: null,
        workflow_run_id: null,
        status: 'idle',
        stats: null,
        usage: null,
        archived_at: null,
      })
      expect(first!.agent).toEqual(own)

      const events = await converse(world.client, session_id, '#say hello')
      const running = events.find((event) => event.type === 'session.thread_status_running')
      expect(running).toMatchObject({ session_thread_id: first!.id })
      const thread = await threads.retrieve(first!.id, { session_id })
      const session = await sessions.retrieve(session_id)
      const { duration_seconds } = thread.stats!
      expect(thread.stats).toEqual({ ...session.stats, duration_seconds })
      expect(thread.usage).toEqual(session.usage)
      expect(thread.updated_at).toBe(session.updated_at)
      const withStatus = async (status: 'idle' | 'running') =>
        (await threads.list(session_id, { statuses: [status] })).data.map(({ id }) => id)
      expect(await withStatus('idle')).toEqual([first!.id])
      expect(await withStatus('running')).toEqual([])

      await sessions.archive(session_id)
      expect(await threads.retrieve(first!.id, { session_id })).toMatchObject({
        status: 'terminated',
        archived_at: expect.any(String),
      })
    })

    it("have the session's events, in pages and as a stream", async () => {
      const { sessions } = world.client.beta
      const { threads } = sessions
      const { id: session_id } = await create()
      const [thread] = (await threads.list(session_id)).data
      const stream = await threads.events.stream(thread!.id, { session_id })
      const done = converse(world.client, session_id, '#say hello')
      const seen = []
      for await (const event of stream) {
        seen.push(event)
        if (event.type === 'session.status_idle') break
      }
      expect(typesOf(seen)).toEqual(typesOf(await done))
      const events = []
      for await (const event of threads.events.list(thread!.id, { session_id, limit: 3 })) events.push(event)
      expect(events).toEqual(await listed(world.client, session_id))
      expect(events.length).toBeGreaterThan(3)
      // Their order is always that of the log.
      const { next_page } = await sessions.events.list(session_id, { order: 'desc', limit: 1 })
      expect(await rejection(threads.events.list(thread!.id, { session_id, page: next_page! }))).toMatchObject({
        status: 400,
      })
    })

    it('end with the session alone, and are no others', async () => {
      const { threads } = world.client.beta.sessions
      const { id: session_id } = await create()
      const other = (await threads.list((await create()).id)).data[0]!.id
      const [thread] = (await threads.list(session_id)).data
      expect(await rejection(threads.archive(thread!.id, { session_id }))).toMatchObject({ status: 400 })
      const unknown = [
        threads.retrieve(other, { session_id }),
        threads.archive(other, { session_id }),
        threads.events.list(other, { session_id }),
        threads.events.stream(other, { session_id }),
        threads.list('sesn_1'),
        threads.retrieve('sthr_1', { session_id: 'sesn_1' }),
        threads.events.list('sthr_1', { session_id: 'sesn_1' }),
        threads.events.stream('sthr_1', { session_id: 'sesn_1' }),
      ]
      for (const error of await Promise.all(unknown.map(rejection))) expect(error).toMatchObject({ status: 404 })
      const page = 'page_e30'
      const refused = [threads.list(session_id, { page }), threads.events.list(thread!.id, { session_id, page })]
      for (const error of await Promise.all(refused.map(rejection))) expect(error).toMatchObject({ status: 400 })
    })
  })
}
