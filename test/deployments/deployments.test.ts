import type Anthropic from '@anthropic-ai/sdk'
import { Client } from '@temporalio/client'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { specsOf } from '../../client/deployment-clocks.ts'
import { isTimeOf, nextTimes } from '../../protocol/deployments.ts'
import { lastText, listed, message, typesOf } from '../support/conversation.ts'
import { startTestHost, type TestHost } from '../support/host.ts'
import { until } from '../support/until.ts'

type Beta = Anthropic['beta']
type CreateParams = Parameters<Beta['deployments']['create']>[0]

let host: TestHost
let beta: Beta
let temporal: Client
beforeAll(async () => {
  host = await startTestHost()
  beta = host.client.beta
  const { connection, namespace, codec } = host.holdfast.runtime
  temporal = new Client({ connection, namespace, dataConverter: { payloadCodecs: [codec] } })
})
afterAll(() => host?.remove())

/** Not due while the test runs. */
const rarely = { type: 'cron' as const, expression: '0 6 29 2 *', timezone: 'Europe/Oslo' }

const deployed = (params: Partial<CreateParams> = {}) =>
  beta.deployments.create({
    name: 'Reports',
    agent: host.agent,
    environment_id: host.environment,
    initial_events: [message('#say done')],
    ...params,
  })

/** The Temporal Schedule that is a deployment's clock. */
async function clockOf(id: string) {
  const { deployment } = (await host.holdfast.runtime.records.deployments.get(id))!
  return temporal.schedule.getHandle(`holdfast.${id}.${deployment.clock}`)
}

const runsOf = async (deployment_id: string) => (await beta.deploymentRuns.list({ deployment_id })).data

/** Lets the clock fire for its time of a year, and waits for what comes of it. */
async function fire(id: string, year: number) {
  const before = (await runsOf(id)).length
  const [start, end] = [new Date(`${year}-02-29T00:00:00Z`), new Date(`${year}-03-01T00:00:00Z`)]
  await (await clockOf(id)).backfill({ start, end })
  return until(async () => {
    const runs = await runsOf(id)
    return runs.length > before && runs[0]
  })
}

const refusal = (status: number, text: string) => ({ status, message: expect.stringContaining(text) })

describe('a deployment', { timeout: 60_000 }, () => {
  it('is created with what is told and nothing else, and found again', async () => {
    const plain = await deployed()
    expect(plain).toMatchObject({
      id: expect.stringMatching(/^depl_/),
      type: 'deployment',
      name: 'Reports',
      description: null,
      agent: { type: 'agent', id: host.agent, version: 1 },
      resources: [],
      vault_ids: [],
      metadata: {},
      schedule: null,
      status: 'active',
      paused_reason: null,
      archived_at: null,
    })
    const store = await beta.memoryStores.create({ name: 'Notes' })
    const vault = await beta.vaults.create({ display_name: 'Keys' })
    const file = await beta.files.upload({ file: new File(['x'], 'x.txt') })
    const budget = { type: 'limit' as const, max_list_cost: { amount: '500', currency: 'USD' as const } }
    const full = await deployed({
      description: 'each morning',
      agent: { type: 'agent', id: host.agent, version: 1 },
      resources: [
        { type: 'file', file_id: file.id },
        { type: 'memory_store', memory_store_id: store.id, access: 'read_only', instructions: 'notes' },
        { type: 'github_repository', url: 'https://github.com/acme/app', authorization_token: 'nobody-may-see' },
      ],
      vault_ids: [vault.id],
      metadata: { team: 'a' },
      schedule: rarely,
      budget,
    })
    expect(full).toMatchObject({
      description: 'each morning',
      vault_ids: [vault.id],
      metadata: { team: 'a' },
      budget,
      schedule: { ...rarely, last_run_at: null },
    })
    expect(full.resources).toEqual([
      { type: 'file', file_id: file.id },
      { type: 'memory_store', memory_store_id: store.id, access: 'read_only', instructions: 'notes' },
      { type: 'github_repository', url: 'https://github.com/acme/app' },
    ])
    expect(full.schedule!.upcoming_runs_at).toHaveLength(5)
    expect(full.schedule!.upcoming_runs_at![0]).toMatch(/-02-29T05:00:00.000Z$/)
    expect(await beta.deployments.retrieve(full.id)).toEqual(full)
    const row = await host.holdfast.runtime.records.deployments.get(full.id)
    expect(JSON.stringify(row)).not.toContain('nobody-may-see')

    const run = await beta.deployments.run(full.id)
    const session = await beta.sessions.retrieve(run.session_id!)
    expect(session).toMatchObject({
      title: 'Reports',
      deployment_id: full.id,
      vault_ids: [vault.id],
      budget,
      metadata: {},
    })
    expect(session.resources.map(({ type }) => type)).toEqual(['file', 'memory_store', 'github_repository'])
    const { records, secrets } = host.holdfast.runtime
    expect(Object.values(await records.sessions.secrets(session.id)).map((text) => secrets.open(text))).toEqual([
      'nobody-may-see',
    ])
  })

  it('is not made of what no session could be made of', async () => {
    const archived = await beta.agents.create({ name: 'Gone', model: 'claude-opus-5' })
    await beta.agents.archive(archived.id)
    const small = await beta.agents.create({ name: 'Small', model: 'claude-haiku-4-5' })
    const note = { type: 'system.message' as const, content: [{ type: 'text' as const, text: 'be brief' }] }
    const outcome = {
      type: 'user.define_outcome' as const,
      description: 'done',
      rubric: { type: 'text' as const, content: 'good' },
    }
    const cron = (expression: string, timezone = 'UTC') => ({
      schedule: { type: 'cron' as const, expression, timezone },
    })
    const refused: [params: object, status: number, text: string][] = [
      [{ name: '' }, 400, 'name'],
      [{ agent: 'agent_none' }, 404, 'agent_none'],
      [{ agent: { type: 'agent', id: host.agent, version: 9 } }, 404, 'version 9'],
      [{ agent: { type: 'agent_with_overrides', id: host.agent } }, 400, 'agent'],
      [{ agent: archived.id }, 400, 'is archived'],
      [{ environment_id: 'env_none' }, 404, 'env_none'],
      [{ initial_events: [] }, 400, 'initial_events'],
      [{ initial_events: Array(51).fill(message('x')) }, 400, 'initial_events'],
      [{ initial_events: [message(' ')] }, 400, 'initial_events.0.content'],
      [{ initial_events: [{ type: 'user.interrupt' }] }, 400, 'initial_events.0'],
      [{ initial_events: [outcome] }, 400, 'initial_events.0: user.define_outcome'],
      [{ initial_events: [note] }, 400, 'initial_events.0: a system.message must follow'],
      [{ initial_events: [note, message('x')] }, 400, 'initial_events.0: a system.message must be the last'],
      [{ initial_events: [message('x'), note], agent: small.id }, 400, 'initial_events.1: model'],
      [{ resources: [{ type: 'file', file_id: 'file_none' }] }, 400, 'resources.0.file_id'],
      [{ resources: Array(501).fill({ type: 'file', file_id: 'file_none' }) }, 400, 'resources'],
      [{ vault_ids: ['vlt_none'] }, 404, 'vlt_none'],
      [{ vault_ids: Array(51).fill('vlt_none') }, 400, 'vault_ids'],
      [{ metadata: { a: 1 } }, 400, 'metadata.a'],
      [{ budget: { type: 'limit', max_list_cost: { amount: '0', currency: 'USD' } } }, 400, 'budget'],
      [{ surprise: true }, 400, 'surprise'],
      [{ schedule: { type: 'cron', expression: '* * * * *' } }, 400, 'schedule.timezone'],
      [cron('@daily'), 400, 'schedule.expression'],
      [cron('0 0 1 1 1 2027'), 400, 'schedule.expression'],
      [cron('0 0 L * *'), 400, 'schedule.expression: day of month'],
      [cron('0 0 30 2 *'), 400, 'schedule.expression'],
      [cron('0 0 * * *', 'Mars/One'), 400, 'schedule.timezone'],
      [cron('0 0 * * *', '+01:00'), 400, 'schedule.timezone'],
    ]
    const existing = await deployed({ name: 'Kept', schedule: rarely })
    const count = async () => (await beta.deployments.list({ limit: 100 })).data.length
    const before = await count()
    for (const [params, status, text] of refused) {
      await expect(deployed(params), text).rejects.toMatchObject(refusal(status, text))
      await expect(beta.deployments.update(existing.id, params), text).rejects.toMatchObject(refusal(status, text))
    }
    expect(await count()).toBe(before)
    expect(await beta.deployments.retrieve(existing.id)).toEqual(existing)
    await expect(beta.deployments.retrieve('depl_none')).rejects.toMatchObject(refusal(404, 'depl_none'))
    await expect(beta.deployments.run('depl_none')).rejects.toMatchObject(refusal(404, 'depl_none'))
    await expect(beta.deploymentRuns.retrieve('drun_none')).rejects.toMatchObject(refusal(404, 'drun_none'))
  })

  it('keeps what an update leaves out, and replaces the rest', async () => {
    const agent = await beta.agents.create({ name: 'A', model: 'claude-opus-5' })
    const token = 'kept-for-itself'
    const created = await deployed({
      agent: agent.id,
      description: 'old',
      metadata: { a: '1', b: '2' },
      schedule: rarely,
      resources: [{ type: 'github_repository', url: 'https://github.com/acme/app', authorization_token: token }],
    })
    await beta.agents.update(agent.id, { version: 1, system: 'new' })
    const clock = await clockOf(created.id)
    const named = await beta.deployments.update(created.id, {
      name: 'Other',
      description: '',
      metadata: { a: null, c: '3' },
      agent: agent.id,
      schedule: rarely,
    })
    expect(named).toEqual({
      ...created,
      name: 'Other',
      description: null,
      metadata: { b: '2', c: '3' },
      agent: { type: 'agent', id: agent.id, version: 2 },
      updated_at: named.updated_at,
    })
    expect((await clockOf(created.id)).scheduleId).toBe(clock.scheduleId)
    expect(await beta.deployments.update(created.id, { name: 'Other' })).toEqual(named)

    const expression = '0 7 29 2 *'
    const moved = await beta.deployments.update(created.id, { schedule: { ...rarely, expression } })
    expect(moved.schedule).toMatchObject({ expression })
    await expect(clock.describe()).rejects.toThrow()
    await (await clockOf(created.id)).describe()
    const { deployment } = (await host.holdfast.runtime.records.deployments.get(created.id))!
    const [resource] = deployment.resources as { authorization_token: string }[]
    expect(host.holdfast.runtime.secrets.open(resource!.authorization_token)).toBe(token)

    const cleared = await beta.deployments.update(created.id, { schedule: null, resources: null, vault_ids: null })
    expect(cleared).toMatchObject({ schedule: null, resources: [], vault_ids: [] })
    await expect((await clockOf(created.id)).describe()).rejects.toThrow()
  })

  it('is listed newest first, by agent, by status, and archived only when asked', async () => {
    const { id: agent } = await beta.agents.create({ name: 'Lister', model: 'claude-opus-5' })
    const [first, second, third] = [
      await deployed({ agent, name: '1' }),
      await deployed({ agent, name: '2' }),
      await deployed({ agent, name: '3' }),
    ]
    await beta.deployments.pause(second.id)
    await beta.deployments.archive(third.id)
    const ids = async (query: Parameters<Beta['deployments']['list']>[0]) => {
      const all = []
      for await (const { id } of beta.deployments.list({ agent_id: agent, ...query })) all.push(id)
      return all
    }
    expect(await ids({})).toEqual([second.id, first.id])
    expect(await ids({ limit: 1 })).toEqual([second.id, first.id])
    expect(await ids({ include_archived: true })).toEqual([third.id, second.id, first.id])
    expect(await ids({ status: 'paused' })).toEqual([second.id])
    expect(await ids({ status: 'active' })).toEqual([first.id])
    expect(await ids({ 'created_at[lte]': first.created_at })).toContain(first.id)
    expect(await ids({ 'created_at[gte]': '2100-01-01T00:00:00Z' })).toEqual([])
    const both = beta.deployments.list({ status: 'active', include_archived: true })
    await expect(both).rejects.toMatchObject(refusal(400, 'status'))
    await expect(beta.deployments.list({ page: 'page_x' })).rejects.toMatchObject(refusal(400, 'page'))
  })

  it('runs on demand: a session at once, also while it is paused', async () => {
    const note = { type: 'system.message' as const, content: [{ type: 'text' as const, text: 'Answer briefly.' }] }
    const { id } = await deployed({ initial_events: [message('#say hello'), note] })
    await beta.deployments.pause(id)
    const run = await beta.deployments.run(id)
    expect(run).toMatchObject({
      id: expect.stringMatching(/^drun_/),
      type: 'deployment_run',
      deployment_id: id,
      agent: { type: 'agent', id: host.agent, version: 1 },
      trigger_context: { type: 'manual' },
      error: null,
    })
    expect(await beta.deploymentRuns.retrieve(run.id)).toEqual(run)
    const session = run.session_id!
    await until(async () => typesOf(await listed(host.client, session)).includes('session.status_idle'))
    const events = await listed(host.client, session)
    expect(lastText(events)).toBe('[scripted model] hello')
    expect(typesOf(events)).toContain('system.message')
    expect(JSON.stringify(host.model.requests.at(-1))).toContain('Answer briefly.')
    expect((await beta.sessions.list({ deployment_id: id })).data.map((one) => one.id)).toEqual([session])
    expect((await beta.sessions.list({ deployment_id: 'depl_none' })).data).toEqual([])
    expect(await beta.deployments.retrieve(id)).toMatchObject({ schedule: null, status: 'paused' })
  })

  it('runs once for one Idempotency-Key', async () => {
    const { id } = await deployed()
    const headers = { 'Idempotency-Key': 'x'.repeat(255) }
    const [one, other] = await Promise.all([1, 2].map(() => beta.deployments.run(id, {}, { headers })))
    await beta.deployments.archive(id)
    expect(await beta.deployments.run(id, {}, { headers })).toEqual(one)
    expect(other).toEqual(one)
    expect(await runsOf(id)).toEqual([one])
    const own = { headers: { 'Idempotency-Key': 'other' } }
    await expect(beta.deployments.run(id, {}, own)).rejects.toMatchObject(refusal(400, 'archived'))
  })

  it('runs by its clock, which is a Temporal Schedule without any secret', async () => {
    const token = 'not-in-temporal'
    const resources = [
      { type: 'github_repository' as const, url: 'https://github.com/acme/app', authorization_token: token },
    ]
    const { id } = await deployed({ schedule: rarely, resources })
    const described = await (await clockOf(id)).describe()
    expect(described.spec).toMatchObject({ timezone: 'Europe/Oslo', jitter: 9 * 60_000 })
    expect(described.policies).toMatchObject({ overlap: 'ALLOW_ALL' })
    expect(JSON.stringify(described.action)).not.toContain(token)

    const run = await fire(id, 2024)
    expect(run).toMatchObject({ error: null, session_id: expect.stringMatching(/^sesn_/) })
    expect(run.trigger_context).toEqual({ type: 'schedule', scheduled_at: '2024-02-29T05:00:00.000Z' })
    const session = await beta.sessions.retrieve(run.session_id!)
    expect(session).toMatchObject({ deployment_id: id })
    const { schedule } = await beta.deployments.retrieve(id)
    expect(schedule!.last_run_at).toBe(run.created_at)
    const manual = await beta.deployments.run(id)
    expect((await beta.deployments.retrieve(id)).schedule!.last_run_at).toBe(run.created_at)

    const ids = async (query: object) =>
      (await beta.deploymentRuns.list({ deployment_id: id, ...query })).data.map((one) => one.id)
    expect(await ids({})).toEqual([manual.id, run.id])
    expect(await ids({ trigger_type: 'schedule' })).toEqual([run.id])
    expect(await ids({ trigger_type: 'manual' })).toEqual([manual.id])
    expect(await ids({ has_error: true })).toEqual([])
    expect(await ids({ has_error: false, limit: 1 })).toEqual([manual.id])
    expect(await ids({ 'created_at[lt]': run.created_at })).toEqual([])
    expect(await ids({ deployment_id: 'depl_none' })).toEqual([])
    await expect(beta.deploymentRuns.list({ page: 'page_x' })).rejects.toMatchObject(refusal(400, 'page'))
    await expect(beta.deploymentRuns.list({ limit: 1001 })).rejects.toMatchObject(refusal(400, 'limit'))
  })

  it('has no clock while it is paused, another one afterwards, and none when it is archived', async () => {
    const { id } = await deployed({ schedule: rarely })
    const first = await clockOf(id)
    const paused = await beta.deployments.pause(id)
    expect(paused).toMatchObject({ status: 'paused', paused_reason: { type: 'manual' } })
    expect(paused.schedule!.upcoming_runs_at).toHaveLength(5)
    expect(await beta.deployments.pause(id)).toEqual(paused)
    await expect(first.describe()).rejects.toThrow()

    const active = await beta.deployments.unpause(id)
    expect(active).toMatchObject({ status: 'active', paused_reason: null })
    expect(await beta.deployments.unpause(id)).toEqual(active)
    const second = await clockOf(id)
    expect(second.scheduleId).not.toBe(first.scheduleId)
    await second.describe()

    const archived = await beta.deployments.archive(id)
    expect(archived).toMatchObject({ status: 'active', archived_at: expect.any(String) })
    expect(archived.schedule!.upcoming_runs_at).toEqual([])
    await expect(second.describe()).rejects.toThrow()
    expect(await beta.deployments.archive(id)).toEqual(archived)
    for (const operation of ['run', 'pause', 'unpause'] as const) {
      await expect(beta.deployments[operation](id)).rejects.toMatchObject(refusal(400, 'is archived'))
    }
    await expect(beta.deployments.update(id, { name: 'x' })).rejects.toMatchObject(refusal(400, 'is archived'))
  })

  it('is archived with its agent, and so is its clock', async () => {
    const agent = await beta.agents.create({ name: 'Goes', model: 'claude-opus-5' })
    const { id } = await deployed({ agent: agent.id, schedule: rarely })
    const clock = await clockOf(id)
    const { archived_at } = await beta.agents.archive(agent.id)
    expect(await beta.deployments.retrieve(id)).toMatchObject({ archived_at, status: 'active' })
    await expect(clock.describe()).rejects.toThrow()
    expect(await runsOf(id)).toEqual([])
  })

  it('pauses itself when its clock can make nothing any more, and says why', async () => {
    const environment = await beta.environments.create({ name: 'archived later' })
    const { id } = await deployed({ environment_id: environment.id, schedule: rarely })
    const clock = await clockOf(id)
    await beta.environments.archive(environment.id)

    const manual = await beta.deployments.run(id)
    const error = { type: 'environment_archived_error', message: expect.stringContaining(environment.id) }
    expect(manual).toMatchObject({ session_id: null, error })
    expect(await beta.deployments.retrieve(id)).toMatchObject({ status: 'active' })

    expect(await fire(id, 2020)).toMatchObject({ session_id: null, error })
    const paused = await beta.deployments.retrieve(id)
    expect(paused).toMatchObject({
      status: 'paused',
      paused_reason: { type: 'error', error: { type: 'environment_archived_error' } },
    })
    await until(() =>
      clock.describe().then(
        () => false,
        () => true,
      ),
    )
    expect(await beta.sessions.list({ deployment_id: id })).toMatchObject({ data: [] })
    const mended = await beta.deployments.update(id, { environment_id: host.environment })
    expect(mended.status).toBe('paused')
    await beta.deployments.unpause(id)
    expect(await fire(id, 2024)).toMatchObject({ error: null })
  })

  it.each<[type: string, params: () => Promise<[Partial<CreateParams>, () => Promise<unknown>]>]>([
    [
      'vault_archived_error',
      async () => {
        const { id } = await beta.vaults.create({ display_name: 'v' })
        return [{ vault_ids: [id] }, () => beta.vaults.archive(id)]
      },
    ],
    [
      'vault_not_found_error',
      async () => {
        const { id } = await beta.vaults.create({ display_name: 'v' })
        return [{ vault_ids: [id] }, () => beta.vaults.delete(id)]
      },
    ],
    [
      'environment_not_found_error',
      async () => {
        const { id } = await beta.environments.create({ name: 'e' })
        return [{ environment_id: id }, () => beta.environments.delete(id)]
      },
    ],
    [
      'file_not_found_error',
      async () => {
        const { id } = await beta.files.upload({ file: new File(['x'], 'x.txt') })
        return [{ resources: [{ type: 'file', file_id: id }] }, () => beta.files.delete(id)]
      },
    ],
    [
      'memory_store_archived_error',
      async () => {
        const { id } = await beta.memoryStores.create({ name: 'm' })
        return [{ resources: [{ type: 'memory_store', memory_store_id: id }] }, () => beta.memoryStores.archive(id)]
      },
    ],
    [
      'session_resource_not_found_error',
      async () => {
        const { id } = await beta.memoryStores.create({ name: 'm' })
        return [{ resources: [{ type: 'memory_store', memory_store_id: id }] }, () => beta.memoryStores.delete(id)]
      },
    ],
  ])('says %s of a run', async (type, prepare) => {
    const [params, remove] = await prepare()
    const { id } = await deployed(params)
    await remove()
    expect(await beta.deployments.run(id)).toMatchObject({ session_id: null, error: { type } })
    expect(await runsOf(id)).toMatchObject([{ error: { type } }])
  })
})

describe('the times of a schedule', () => {
  it.each([
    ['*/20 9-17 * * 1-5', 'America/New_York', '2035-03-09T00:00:00Z'],
    ['30 2 * * *', 'Europe/Oslo', '2035-03-23T00:00:00Z'],
    ['15,45 1 * * *', 'America/Los_Angeles', '2035-12-01T00:00:00Z'],
    ['30 2 * * *', 'Europe/Oslo', '2035-10-26T00:00:00Z'],
    ['*/30 * * * *', 'Europe/Oslo', '2035-10-27T23:00:00Z'],
    ['0 1 * * *', 'Europe/London', '2035-10-26T00:00:00Z'],
    ['0 0 * * *', 'Europe/London', '2035-10-26T00:00:00Z'],
    ['*/30 * * * *', 'America/New_York', '2035-11-04T03:00:00Z'],
    ['30 1 * * *', 'America/New_York', '2035-11-02T00:00:00Z'],
    ['0 12 13 * 5', 'Asia/Kolkata', '2035-12-01T00:00:00Z'],
    ['0 0 */10 * 1', 'Pacific/Auckland', '2035-12-01T00:00:00Z'],
    ['*/10 * * * *', 'Europe/Oslo', '2035-10-28T01:05:00Z'],
    ['*/7 * * * *', 'Australia/Lord_Howe', '2035-03-31T15:00:00Z'],
    ['5-55/25 * * * *', 'Australia/Lord_Howe', '2035-10-06T14:00:00Z'],
    ['0 12 * * 0', 'America/Santiago', '2035-08-25T00:00:00Z'],
    ['0 12 * * 6', 'America/Santiago', '2035-08-25T00:00:00Z'],
    ['0 */8 * * 0', 'America/Havana', '2035-03-09T00:00:00Z'],
    ['0 */8 13 * 0', 'Atlantic/Azores', '2035-03-20T00:00:00Z'],
    ['0 */8 * * 5', 'Africa/Cairo', '2035-04-25T00:00:00Z'],
  ])('are those at which Temporal starts runs: %s in %s', async (expression, timezone, after) => {
    const schedule = { type: 'cron' as const, expression, timezone }
    const right = new Set<number>()
    for (const spec of specsOf(schedule, Date.parse(after))) {
      const handle = await temporal.schedule.create({
        scheduleId: crypto.randomUUID(),
        spec: { ...spec, startAt: new Date(after) },
        action: { type: 'startWorkflow', workflowType: 'none', taskQueue: 'none' },
      })
      const { nextActionTimes } = (await handle.describe()).info
      await handle.delete()
      expect(nextActionTimes).not.toEqual([])
      for (const time of nextActionTimes) right.add(time.getTime())
    }
    const times = [...right].filter((time) => isTimeOf(schedule, new Date(time).toISOString())).sort((a, b) => a - b)
    // Of two lists the shorter one ends before the other.
    const first = times.slice(0, 8)
    expect(nextTimes(schedule, Date.parse(after) - 1, first.length)).toEqual(first)
  })
})
