import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { HoldfastClosed } from '../../index.ts'
import { startTestHost, type TestHost } from '../support/host.ts'
import { ownHoldfast } from '../support/own-holdfast.ts'
import { refusal } from '../support/refusal.ts'

let host: TestHost
beforeAll(async () => {
  host = await startTestHost()
})
afterAll(() => host?.remove())

describe('a handle on a session that is not there', () => {
  it('says so whatever is asked of it', async () => {
    const session = host.holdfast.session('sesn_nope')
    const calls: (() => unknown)[] = [
      () => session.retrieve(),
      () => session.send('#say one'),
      () => session.run('#say one'),
      () => session.untilIdle(),
      () => session.events().next(),
      () => session.answer(),
      () => session.archive(),
    ]
    for (const call of calls) expect(await refusal(call)).toMatchObject({ status: 404, type: 'not_found_error' })
  })
})

describe('an id that is none', () => {
  it.each([undefined, null, 7, true, {}, ['sesn_1']])('is refused as %j', async (given) => {
    const id = given as unknown as string
    const { agents, environments, files, memoryStores, sessions, vaults } = host.holdfast
    const store = await memoryStores.create({ name: 'Notes' })
    const calls: (() => unknown)[] = [
      () => agents.retrieve(id),
      () => agents.archive(id),
      () => agents.versions.list(id),
      () => environments.retrieve(id),
      () => environments.delete(id),
      () => files.retrieveMetadata(id),
      () => files.download(id),
      () => files.delete(id),
      () => memoryStores.retrieve(id),
      () => memoryStores.memories.list(id),
      () => memoryStores.memories.retrieve(id, { memory_store_id: store.id }),
      () => memoryStores.memories.retrieve('mem_1', { memory_store_id: id }),
      () => memoryStores.memoryVersions.redact(id, { memory_store_id: store.id }),
      () => sessions.retrieve(id),
      () => sessions.update(id, {}),
      () => sessions.archive(id),
      () => sessions.delete(id),
      () => sessions.events.list(id),
      () => sessions.events.send(id, { events: [{ type: 'user.interrupt' }] }),
      () => sessions.events.stream(id),
      () => sessions.resources.list(id),
      () => sessions.resources.retrieve('sesrsc_1', { session_id: id }),
      () => sessions.resources.retrieve('sesrsc_1', undefined as never),
      () => sessions.threads.retrieve(id, { session_id: 'sesn_1' }),
      () => sessions.threads.events.list('sthr_1', { session_id: id }),
      () => vaults.retrieve(id),
      () => vaults.credentials.list(id),
      () => vaults.credentials.retrieve('vcrd_1', { vault_id: id }),
      () => host.holdfast.session(id).untilIdle(),
    ]
    for (const call of calls) expect(await refusal(call)).toMatchObject({ status: 400, type: 'invalid_request_error' })
  })
})

describe('what is asked of a Holdfast that was closed', () => {
  it('is refused as closed', async () => {
    const holdfast = await ownHoldfast(host)
    const { id } = await holdfast.sessions.create({ agent: host.agent, environment_id: host.environment })
    const session = holdfast.session(id)
    await holdfast.close()
    const { agents, environments, files, memoryStores, schedules, sessions, vaults } = holdfast
    const calls: (() => unknown)[] = [
      () => agents.list(),
      () => agents.create({ name: 'A', model: 'claude-opus-5' }),
      () => environments.list(),
      () => files.list(),
      () => memoryStores.list(),
      () => memoryStores.memories.list('memstore_1'),
      () => schedules.retrieve('nightly'),
      async () => {
        for await (const _ of schedules.list()) return
      },
      () => sessions.list(),
      () => sessions.retrieve(id),
      () => sessions.create({ agent: host.agent, environment_id: host.environment }),
      () => sessions.events.list(id),
      () => sessions.threads.list(id),
      () => vaults.list(),
      () => session.retrieve(),
      () => session.send('#say one'),
      () => session.run('#say one'),
      () => session.untilIdle(),
      () => session.events().next(),
      () => session.answer(),
      () => holdfast.session(id).send('#say one'),
    ]
    for (const call of calls) {
      const error = await Promise.resolve()
        .then(call)
        .catch((thrown: unknown) => thrown)
      expect(error, String(call)).toBeInstanceOf(HoldfastClosed)
      expect(error).toMatchObject({ code: 'closed' })
    }
  })
})
