import { describe, expect, it } from 'vitest'
import { createEnvironmentsApi } from '../../client/environments.ts'
import { aConfiguration, aSession, second } from '../store/samples.ts'
import { refusal } from '../support/refusal.ts'
import { emptyStores } from './stores.ts'

async function setUp() {
  const { records } = await emptyStores()
  return { environments: createEnvironmentsApi(records), sessions: records.sessions }
}

describe('environments', () => {
  it('come back as they were created and changed', async () => {
    const { environments } = await setUp()
    const created = await environments.create({ name: 'python' })
    expect(await environments.retrieve(created.id)).toEqual(created)
    const changed = await environments.update(created.id, { description: 'd' })
    expect(changed).toEqual({ ...created, description: 'd', updated_at: changed.updated_at })
    expect(await environments.retrieve(created.id)).toEqual(changed)
  })

  it('may share a name', async () => {
    const { environments } = await setUp()
    const twins = [await environments.create({ name: 'same' }), await environments.create({ name: 'same' })]
    expect((await environments.list()).data).toEqual(expect.arrayContaining(twins))
  })

  it('lose no change when several come at once, and stay archived', async () => {
    const { environments } = await setUp()
    const { id } = await environments.create({ name: 'python' })
    const changes = ['a', 'b', 'c'].map((key) => environments.update(id, { metadata: { [key]: '1' } }))
    await Promise.allSettled([...changes, environments.archive(id)])
    const late = await environments.retrieve(id)
    expect(late.archived_at).not.toBeNull()
    const done = (await Promise.allSettled(changes)).filter(({ status }) => status === 'fulfilled')
    expect(Object.keys(late.metadata)).toHaveLength(done.length)
  })

  it('are not found under an unknown id', async () => {
    const { environments } = await setUp()
    for (const call of [
      () => environments.retrieve('env_none'),
      () => environments.update('env_none', {}),
      () => environments.archive('env_none'),
      () => environments.delete('env_none'),
    ]) {
      expect(await refusal(call)).toMatchObject({ status: 404, type: 'not_found_error', code: 'environment_not_found' })
    }
  })

  it('stay readable when archived, and can be deleted but not changed', async () => {
    const { environments } = await setUp()
    const { id } = await environments.create({ name: 'python' })
    const archived = await environments.archive(id)
    expect(archived.archived_at).not.toBeNull()
    expect(await environments.archive(id)).toEqual(archived)
    expect(await refusal(() => environments.update(id, { name: 'x' }))).toMatchObject({ code: 'environment_archived' })
    expect((await environments.list()).data).toEqual([])
    expect((await environments.list({ include_archived: true })).data).toEqual([archived])
    expect(await environments.delete(id)).toEqual({ id, type: 'environment_deleted' })
    expect(await refusal(() => environments.retrieve(id))).toMatchObject({ status: 404 })
  })

  it('are not deleted while a session uses them, and the client does not try again by itself', async () => {
    const { environments, sessions } = await setUp()
    const { id } = await environments.create({ name: 'python' })
    const session = aSession({ environmentId: id })
    await sessions.insert(session, aConfiguration)
    const error = await refusal(() => environments.delete(id))
    expect(error).toMatchObject({ status: 409, type: 'conflict_error', shouldRetry: false })
    expect(await environments.retrieve(id)).toBeDefined()
    await sessions.update(session.id, { archivedAt: second(1) })
    expect(await environments.delete(id)).toEqual({ id, type: 'environment_deleted' })
  })

  it('are listed page by page', async () => {
    const { environments } = await setUp()
    const ids = new Set<string>()
    for (const name of ['a', 'b', 'c']) ids.add((await environments.create({ name })).id)
    const first = await environments.list({ limit: 2 })
    const second = await environments.list({ limit: 2, page: first.next_page })
    expect(new Set([...first.data, ...second.data].map(({ id }) => id))).toEqual(ids)
    expect([first.data.length, second.data.length, second.next_page]).toEqual([2, 1, null])
  })
})
