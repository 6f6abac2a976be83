import { describe, expect, it } from 'vitest'
import { createAgentsApi } from '../../client/agents.ts'
import { createEnvironmentsApi } from '../../client/environments.ts'
import type { Agent } from '../../protocol/agents.ts'
import { refusal } from '../support/refusal.ts'
import { emptyStores } from './stores.ts'

const params = { name: 'Reviewer', model: 'claude-opus-5' }
const agentsApi = async () => createAgentsApi((await emptyStores()).records)

describe('agents', () => {
  it('come back as they were created, in any of their versions', async () => {
    const agents = await agentsApi()
    const first = await agents.create(params)
    const second = await agents.update(first.id, { system: 'Be kind.' })
    expect(second.version).toBe(2)
    expect(await agents.retrieve(first.id)).toEqual(second)
    expect(await agents.retrieve(first.id, { version: 1 })).toEqual(first)
  })

  it('are not found under an unknown id, a malformed one or an unknown version', async () => {
    const agents = await agentsApi()
    const { id } = await agents.create(params)
    for (const unknown of ['agent_none', 'nonsense', '', "' or 1=1 --"]) {
      expect(await refusal(() => agents.retrieve(unknown))).toMatchObject({ status: 404, type: 'not_found_error' })
      expect(await refusal(() => agents.update(unknown, {}))).toMatchObject({ status: 404 })
      expect(await refusal(() => agents.archive(unknown))).toMatchObject({ status: 404 })
      expect(await refusal(() => agents.versions.list(unknown))).toMatchObject({ status: 404 })
    }
    expect(await refusal(() => agents.retrieve(`${id}\0`))).toMatchObject({ status: 400 })
    expect(await refusal(() => agents.retrieve(id, { version: 2 }))).toMatchObject({ status: 404 })
    expect(await refusal(() => agents.retrieve(id, { version: 0 }))).toMatchObject({ status: 400 })
  })

  it('lose no change when several come at once', async () => {
    const agents = await agentsApi()
    const { id } = await agents.create(params)
    const keys = ['a', 'b', 'c', 'd', 'e']
    await Promise.all(keys.map((key) => agents.update(id, { metadata: { [key]: '1' } })))
    const newest = await agents.retrieve(id)
    expect(newest.version).toBe(6)
    expect(Object.keys(newest.metadata).toSorted()).toEqual(keys)
  })

  it('take one of several changes that name the same version', async () => {
    const agents = await agentsApi()
    const { id } = await agents.create(params)
    const results = await Promise.allSettled(['a', 'b', 'c'].map((system) => agents.update(id, { version: 1, system })))
    expect(results.filter(({ status }) => status === 'fulfilled')).toHaveLength(1)
    for (const result of results) {
      if (result.status === 'rejected') expect(result.reason).toMatchObject({ status: 409, shouldRetry: false })
    }
  })

  it('that are refused change nothing', async () => {
    const agents = await agentsApi()
    const agent = await agents.create(params)
    await refusal(() => agents.update(agent.id, { name: 'New', system: 7 as never }))
    await refusal(() => agents.create({ ...params, tools: [{ type: 'none' } as never] }))
    expect((await agents.list()).data).toEqual([agent])
  })

  it('stay readable when archived, for ever, and cannot be changed', async () => {
    const agents = await agentsApi()
    const { id } = await agents.create(params)
    const archived = await agents.archive(id)
    expect(archived.archived_at).toMatch(/Z$/)
    expect(await agents.archive(id)).toEqual(archived)
    expect(await agents.retrieve(id)).toEqual(archived)
    expect(await refusal(() => agents.update(id, { name: 'x' }))).toMatchObject({ status: 400 })
    expect((await agents.list()).data).toEqual([])
    expect((await agents.list({ include_archived: true })).data).toEqual([archived])
  })
})

describe('the list of agents', () => {
  it('is walked page by page, newest first', async () => {
    const agents = await agentsApi()
    const created: Agent[] = []
    for (let n = 0; n < 5; n++) created.push(await agents.create({ ...params, name: `n${n}` }))
    const seen: Agent[] = []
    for (let page: string | null | undefined; page !== null; ) {
      const answer: Awaited<ReturnType<typeof agents.list>> = await agents.list({ limit: 2, page })
      expect(answer).not.toHaveProperty('prev_page')
      seen.push(...answer.data)
      page = answer.next_page
    }
    expect(seen.toSorted((a, b) => a.name.localeCompare(b.name))).toEqual(created)
    const times = seen.map((agent) => agent.created_at)
    expect(times).toEqual(times.toSorted().reverse())
  })

  it('is limited by time of creation', async () => {
    const agents = await agentsApi()
    const agent = await agents.create(params)
    expect((await agents.list({ created_at: { gte: agent.created_at } })).data).toEqual([agent])
    expect((await agents.list({ created_at: { gte: '2999-01-01T00:00:00Z' } })).data).toEqual([])
    expect((await agents.list({ created_at: { lte: '2999-01-01T00:00:00+02:00' } })).data).toEqual([agent])
  })

  it.each([
    { limit: 0 },
    { limit: 101 },
    { page: 'page_nonsense' },
    { page: 'e30' },
    { order: 'asc' },
    { created_at: { gte: 'yesterday' } },
    { created_at: { gt: '2026-01-01T00:00:00Z' } },
  ])('is refused with %o', async (query) => {
    const agents = await agentsApi()
    expect(await refusal(() => agents.list(query as never))).toMatchObject({ status: 400 })
  })

  it('does not take the cursor of another list', async () => {
    const { records } = await emptyStores()
    const [agents, environments] = [createAgentsApi(records), createEnvironmentsApi(records)]
    for (const name of ['a', 'b']) await environments.create({ name })
    const { next_page } = await environments.list({ limit: 1 })
    expect(await refusal(() => agents.list({ page: next_page! }))).toMatchObject({ status: 400 })
  })
})

describe('the versions of an agent', () => {
  it('are whole agents, newest first, page by page', async () => {
    const agents = await agentsApi()
    const versions = [await agents.create(params)]
    for (const system of ['a', 'b', 'c']) versions.unshift(await agents.update(versions[0]!.id, { system }))
    const { id } = versions[0]!
    const first = await agents.versions.list(id, { limit: 3 })
    const second = await agents.versions.list(id, { limit: 3, page: first.next_page })
    expect([...first.data, ...second.data]).toEqual(versions)
    expect(second.next_page).toBeNull()
  })
})
