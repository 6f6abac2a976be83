import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { startTestHost, type TestHost } from '../support/host.ts'

let host: TestHost
beforeAll(async () => {
  host = await startTestHost()
})
afterAll(() => host?.remove())

const create = (options?: { idempotencyKey: string }) =>
  host.holdfast.sessions.create({ agent: host.agent, environment_id: host.environment }, options)

describe('the library', () => {
  it('has the resources and parameters of the official SDK', async () => {
    const session = await create()
    expect(await host.holdfast.sessions.retrieve(session.id)).toMatchObject({ id: session.id, status: 'idle' })
    expect((await host.holdfast.sessions.list({ limit: 1 })).data[0]!.id).toBe(session.id)
    expect(await host.holdfast.agents.retrieve(host.agent, { version: 1 })).toMatchObject({ version: 1 })
  })

  it('creates one session for one idempotency key, also when asked at the same time', async () => {
    const key = { idempotencyKey: crypto.randomUUID() }
    const sessions = await Promise.all([create(key), create(key), create(key)])
    expect(new Set(sessions.map(({ id }) => id)).size).toBe(1)
  })

  it('sends one event for one idempotency key', async () => {
    const handle = host.holdfast.session((await create()).id)
    const key = { idempotencyKey: 'the first' }
    const [one] = await handle.send('#say once', key)
    const [again] = await handle.send('#say once', key)
    expect(again!.id).toBe(one!.id)
    await handle.untilIdle()
    const [late] = await handle.send('#say once', key)
    expect(late!.id).toBe(one!.id)
    await handle.untilIdle()
    const { data } = await host.holdfast.sessions.events.list(handle.id)
    expect(data.filter((event) => event.type === 'user.message')).toHaveLength(1)
    expect(data.filter((event) => event.type === 'agent.message')).toHaveLength(1)
  })

  it('follows the log from its beginning, goes on behind a cursor, and never shows an event twice', async () => {
    const handle = host.holdfast.session((await create()).id)
    await handle.send('#say one')
    await handle.untilIdle()
    const first = []
    for await (const logged of handle.events()) {
      first.push(logged)
      if (logged.event.type === 'session.status_idle') break
    }
    const rest = []
    const following = handle.events({ after: first.at(-1)!.cursor })
    await handle.send('#say two')
    for await (const logged of following) {
      rest.push(logged)
      if (logged.event.type === 'session.status_idle') break
    }
    const { data } = await host.holdfast.sessions.events.list(handle.id)
    expect([...first, ...rest].map(({ event }) => event)).toEqual(data)
  })

  it('says why a session is idle, and stops waiting when told', async () => {
    const handle = host.holdfast.session((await create()).id)
    await handle.send('#refuse')
    expect(await handle.untilIdle()).toEqual({ status: 'idle', stopReason: { type: 'refusal' } })
    await handle.send('#bash sleep 60\n#say never')
    await expect(handle.untilIdle({ timeoutMs: 200 })).rejects.toMatchObject({ name: 'TimeoutError' })
    await handle.interrupt()
    expect(await handle.untilIdle()).toMatchObject({ stopReason: { type: 'end_turn' } })
  })

  it('throws the errors of the API', async () => {
    await expect(host.holdfast.sessions.retrieve('sesn_nothing')).rejects.toMatchObject({
      status: 404,
      type: 'not_found_error',
    })
    await expect(
      host.holdfast.sessions.create({ agent: 'agent_nothing', environment_id: host.environment }),
    ).rejects.toMatchObject({ status: 404 })
  })
})
