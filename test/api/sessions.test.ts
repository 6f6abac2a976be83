import { toFile } from '@anthropic-ai/sdk'
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest'
import { converse, lastText, listed, newSession, typesOf } from '../support/conversation.ts'
import { startTestHost, type TestHost } from '../support/host.ts'

let host: TestHost
beforeAll(async () => {
  host = await startTestHost()
})
afterAll(() => host?.remove())

const create = (fields: object = {}) =>
  host.client.beta.sessions.create({ agent: host.agent, environment_id: host.environment, ...fields })
const refusal = (promise: Promise<unknown>) =>
  promise.then(
    () => expect.unreachable(),
    (error) => error,
  )

describe('creating a session', () => {
  it('pins the newest version of the agent, or the one that is asked for', async () => {
    const { client } = host
    const agent = await client.beta.agents.create({ name: 'v1', model: 'claude-opus-5' })
    const first = await create({ agent: agent.id })
    await client.beta.agents.update(agent.id, { version: 1, name: 'v2' })
    expect((await create({ agent: agent.id })).agent).toMatchObject({ version: 2, name: 'v2' })
    expect((await create({ agent: { type: 'agent', id: agent.id, version: 1 } })).agent).toMatchObject({
      version: 1,
      name: 'v1',
    })
    expect((await client.beta.sessions.retrieve(first.id)).agent).toMatchObject({ version: 1, name: 'v1' })
  })

  it('applies overrides for this session only', async () => {
    const session = await create({
      agent: { type: 'agent_with_overrides', id: host.agent, system: 'Be brief.', tools: [] },
    })
    expect(session.agent).toMatchObject({ id: host.agent, system: 'Be brief.', tools: [] })
    await converse(host.client, session.id, '#say ok')
    const request = host.model.requests.at(-1)!.body
    expect(request.system[0]!.text).toBe('Be brief.')
    expect(request.tools).toEqual([])
    expect((await host.client.beta.agents.retrieve(host.agent)).system).toBeNull()
    const error = await refusal(create({ agent: { type: 'agent_with_overrides', id: host.agent, model: null } }))
    expect(error.status).toBe(400)
    expect(JSON.stringify(error.error)).toContain('agent_model_required')
  })

  it('refuses what does not exist, is archived or cannot be, and leaves nothing behind', async () => {
    const { client } = host
    const archived = await client.beta.agents.create({ name: 'old', model: 'claude-opus-5' })
    await client.beta.agents.archive(archived.id)
    const before = (await client.beta.sessions.list({ limit: 100 })).data.length
    for (const [fields, status, words] of [
      [{ agent: 'agent_nothing' }, 404, 'agent'],
      [{ agent: archived.id }, 400, 'archived'],
      [{ agent: { type: 'agent', id: host.agent, version: 99 } }, 404, 'version 99'],
      [{ environment_id: 'env_nothing' }, 404, 'environment'],
      [{ resources: [{ type: 'file', file_id: 'file_nothing' }] }, 400, 'resources.0.file_id'],
      [{ resources: [{ type: 'github_repository', url: 'https://github.com/a' }] }, 400, 'resources.0.url'],
      [{ resources: [{ type: 'memory_store', memory_store_id: 'memstore_x', prompt: 'x' }] }, 400, 'memory_store'],
      [{ vault_ids: ['vlt_x'] }, 404, 'vault_ids.0'],
      [{ budget: { type: 'limit', max_list_cost: { amount: '0', currency: 'USD' } } }, 400, 'budget'],
      [{ metadata: { key: 'x'.repeat(513) } }, 400, 'metadata'],
      [{ surprise: true }, 400, 'surprise'],
      [{ initial_events: [{ type: 'user.interrupt' }] }, 400, 'initial_events.0'],
      [{ initial_events: [{ type: 'user.message', content: [{ type: 'text', text: ' ' }] }] }, 400, 'initial_events.0'],
    ] as const) {
      const error = await refusal(create(fields))
      expect([error.status, JSON.stringify(error.error)]).toEqual([status, expect.stringContaining(words)])
    }
    expect((await client.beta.sessions.list({ limit: 100 })).data.length).toBe(before)
  })

  it('mounts files where they are wanted, read-only, up to 500, and refuses places of the system', async () => {
    const { client } = host
    const file = await client.beta.files.upload({ file: await toFile(Buffer.from('content\n'), 'a.txt') })
    const at = (mount_path?: string) => ({ type: 'file' as const, file_id: file.id, ...(mount_path && { mount_path }) })
    const session = await create({ resources: [at(), at('/workspace/in.txt'), at('/data/deep/b.txt')] })
    expect(session.resources).toMatchObject([
      { mount_path: `/mnt/session/uploads/${file.id}` },
      {},
      { mount_path: '/data/deep/b.txt' },
    ])
    expect(session.resources.every((resource) => 'file_id' in resource && resource.file_id !== file.id)).toBe(true)
    const shown = await converse(
      client,
      session.id,
      `#bash cat /mnt/session/uploads/${file.id} /workspace/in.txt /data/deep/b.txt /mnt/session/uploads/data/deep/b.txt; echo x > /workspace/in.txt || echo refused\n#say {{last}}`,
    )
    expect(lastText(shown).match(/content/g)).toHaveLength(4)
    expect(lastText(shown)).toContain('refused')
    for (const path of [
      '/etc/passwd',
      '/usr/bin/x',
      '/workspace',
      'relative',
      '/a/../etc/x',
      '/proc/1/x',
      '/mnt/session/outputs',
    ]) {
      expect((await refusal(create({ resources: [at(path)] }))).status).toBe(400)
    }
    expect((await refusal(create({ resources: [at('/a'), at('/a/b')] }))).status).toBe(400)
    expect(
      (await create({ resources: Array.from({ length: 500 }, (_, index) => at(`/many/${index}`)) })).resources,
    ).toHaveLength(500)
    expect(
      (await refusal(create({ resources: Array.from({ length: 501 }, (_, index) => at(`/many/${index}`)) }))).status,
    ).toBe(400)
    // The session's copies outlive the upload.
    await client.beta.files.delete(file.id)
    expect(lastText(await converse(client, session.id, '#bash cat /workspace/in.txt\n#say {{last}}'))).toContain(
      'content',
    )
  })
})

describe('changing a session', () => {
  it('sets title and metadata, says so in the log, and says nothing when nothing changes', async () => {
    const session = await create({ metadata: { keep: 'a', drop: 'b' } })
    const changed = await host.client.beta.sessions.update(session.id, {
      title: 'New',
      metadata: { drop: null, add: 'c' } as never,
    })
    expect(changed).toMatchObject({ title: 'New', metadata: { keep: 'a', add: 'c' } })
    await expect.poll(async () => typesOf(await listed(host.client, session.id))).toEqual(['session.updated'])
    expect((await listed(host.client, session.id))[0]).toMatchObject({
      title: 'New',
      metadata: { keep: 'a', add: 'c' },
    })
    await host.client.beta.sessions.update(session.id, { title: 'New' })
    await converse(host.client, session.id, '#say ok')
    expect(typesOf(await listed(host.client, session.id)).filter((type) => type === 'session.updated')).toHaveLength(1)
  })
})

describe('the list of sessions', () => {
  it('walks in both directions and orders, and filters', async () => {
    const { client } = host
    const agent = await client.beta.agents.create({ name: 'listed', model: 'claude-opus-5' })
    const ids: string[] = []
    for (let index = 0; index < 5; index++) ids.push((await create({ agent: agent.id })).id)
    const newest = ids.toReversed()
    const all = { agent_id: agent.id, limit: 2 }
    const walked: string[] = []
    for await (const session of client.beta.sessions.list(all)) walked.push(session.id)
    expect(walked).toEqual(newest)
    const ascending: string[] = []
    for await (const session of client.beta.sessions.list({ ...all, order: 'asc' })) ascending.push(session.id)
    expect(ascending).toEqual(ids)

    const first = await client.beta.sessions.list(all)
    expect(first.prev_page).toBeNull()
    const second = await client.beta.sessions.list({ ...all, page: first.next_page! })
    expect(second.data.map(({ id }) => id)).toEqual(newest.slice(2, 4))
    const back = await client.beta.sessions.list({ ...all, page: second.prev_page! })
    expect(back.data.map(({ id }) => id)).toEqual(newest.slice(0, 2))
    expect(
      (await refusal(client.beta.sessions.list({ ...all, page: first.next_page!, order: 'asc' }) as never)).status,
    ).toBe(400)

    await client.beta.sessions.archive(ids[0]!)
    const shown = async (params: object) =>
      (await client.beta.sessions.list({ agent_id: agent.id, ...params })).data.map(({ id }) => id)
    expect(await shown({})).toEqual(newest.slice(0, 4))
    expect(await shown({ include_archived: true })).toEqual(newest)
    expect(await shown({ include_archived: true, statuses: ['terminated'] })).toEqual([ids[0]])
    expect(await shown({ agent_version: 2 })).toEqual([])
    const { created_at } = await client.beta.sessions.retrieve(ids[3]!)
    expect(await shown({ 'created_at[gte]': created_at })).toEqual([ids[4], ids[3]])
    expect((await refusal(client.beta.sessions.list({ agent_version: 2 }) as never)).status).toBe(400)
  })

  it('finds those of a status without a look at each, and walks them', async () => {
    const { sessions, runtime } = host.holdfast
    const agent = await host.client.beta.agents.create({ name: 'mixed', model: 'claude-opus-5' })
    const ids: string[] = []
    for (let index = 0; index < 12; index++) ids.push((await create({ agent: agent.id })).id)
    const ended = [1, 4, 5, 9].map((index) => ids[index]!)
    for (const id of ended) await sessions.archive(id)
    const looks = vi.spyOn(runtime.records.sessions, 'list')
    const filter = { agent_id: agent.id, include_archived: true, statuses: ['terminated' as const], limit: 3 }
    const shown = ({ data }: { data: { id: string }[] }) => data.map(({ id }) => id)
    const first = await sessions.list(filter)
    expect(shown(first)).toEqual([ended[3], ended[2], ended[1]])
    expect(looks).toHaveBeenCalledTimes(1)
    const second = await sessions.list({ ...filter, page: first.next_page! })
    expect(shown(second)).toEqual([ended[0]])
    expect(second.next_page).toBeNull()
    expect(shown(await sessions.list({ ...filter, page: second.prev_page! }))).toEqual(shown(first))
    const last = await sessions.list({ ...filter, limit: 2, page: second.prev_page! })
    expect(shown(last)).toEqual([ended[2], ended[1]])
    expect(shown(await sessions.list({ ...filter, page: last.prev_page! }))).toEqual([ended[3]])
    expect(shown(await sessions.list({ agent_id: agent.id, statuses: ['idle'] }))).toEqual(
      ids.filter((id) => !ended.includes(id)).toReversed(),
    )
    looks.mockRestore()
  })

  it('shows which sessions run', async () => {
    const session = await newSession(host)
    await converse(host.client, session.id, '#bash sleep 30\n#say never', {
      onEvent: async (event) => {
        if (event.type !== 'agent.tool_use') return
        await expect
          .poll(async () => (await host.client.beta.sessions.list({ statuses: ['running'] })).data.map(({ id }) => id))
          .toContain(session.id)
        await host.client.beta.sessions.events.send(session.id, { events: [{ type: 'user.interrupt' }] })
      },
    })
  })
})

describe('deleting a session', () => {
  it('removes its runs, content, file copies and files on the host', async () => {
    const { client } = host
    const file = await client.beta.files.upload({ file: await toFile(Buffer.from('content\n'), 'a.txt') })
    const session = await create({ resources: [{ type: 'file', file_id: file.id }] })
    await converse(client, session.id, '#bash echo made > here\n#say ok')
    const copy = session.resources[0] as { file_id: string }
    await client.beta.sessions.delete(session.id)
    await expect
      .poll(() => client.beta.files.retrieveMetadata(copy.file_id).catch((error) => error.status), { timeout: 10_000 })
      .toBe(404)
    const { records, connection, namespace } = host.holdfast.runtime
    await expect.poll(() => records.sessions.get(session.id), { timeout: 10_000 }).toBeUndefined()
    const describeRun = () =>
      connection.workflowService.describeWorkflowExecution({ namespace, execution: { workflowId: session.id } }).then(
        () => 'there',
        (error) => error.code,
      )
    await expect.poll(describeRun, { timeout: 20_000 }).toBe(5)
    expect(await client.beta.files.retrieveMetadata(file.id)).toMatchObject({ id: file.id })
  })
})
