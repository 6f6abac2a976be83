import { Client } from '@temporalio/client'
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest'
import type { Holdfast } from '../../client/holdfast.ts'
import type { ScheduleCreateParams } from '../../protocol/schedules.ts'
import { lastText, listed, newSession, typesOf } from '../support/conversation.ts'
import { startTestHost, type TestHost } from '../support/host.ts'
import { until } from '../support/until.ts'

let host: TestHost
let holdfast: Holdfast
beforeAll(async () => {
  host = await startTestHost()
  holdfast = host.holdfast
})
afterAll(() => host.remove())

const message = (text: string) => [{ type: 'user.message' as const, content: [{ type: 'text' as const, text }] }]

/** A schedule that is not due by itself while the test runs. */
async function scheduled(id: string, params: Partial<ScheduleCreateParams> & { text?: string } = {}) {
  const { text = '#say done', ...rest } = params
  const schedule = await holdfast.schedules.create({
    id,
    schedule: { type: 'cron', expression: '0 6 * * 1-5', timezone: 'Europe/Oslo' },
    action: {
      type: 'create_session',
      session: { agent: host.agent, environment_id: host.environment, title: id, initial_events: message(text) },
    },
    ...rest,
  })
  onTestFinished(() =>
    holdfast.schedules.delete(id).then(
      () => {},
      () => {},
    ),
  )
  return schedule
}

const sessionsOf = async (title: string) => {
  const { data } = await holdfast.sessions.list({ limit: 100 })
  return data.filter((session) => session.title === title)
}

describe('a schedule', { timeout: 60_000 }, () => {
  it('is created, described, listed, changed, paused and deleted', async () => {
    const created = await scheduled('described', { overlap: 'buffer_one', note: 'reports' })
    expect(created).toMatchObject({
      id: 'described',
      type: 'schedule',
      status: 'active',
      overlap: 'buffer_one',
      note: 'reports',
      schedule: { type: 'cron', expression: '0 6 * * 1-5', timezone: 'Europe/Oslo' },
      runs: 0,
    })
    // Six in the morning in Oslo.
    const hour = new Intl.DateTimeFormat('en', { timeZone: 'Europe/Oslo', hour: 'numeric', hour12: false })
    expect(created.upcoming_runs_at.map((time) => hour.format(new Date(time)))).toContain('06')
    await until(async () => (await allOf(holdfast.schedules.list())).some(({ id }) => id === 'described'))

    const paused = await holdfast.schedules.pause('described', 'holidays')
    expect(paused).toMatchObject({ status: 'paused', note: 'holidays', upcoming_runs_at: [] })
    const changed = await holdfast.schedules.update('described', {
      schedule: { type: 'interval', every_seconds: 3600 },
      remaining_runs: 3,
    })
    expect(changed).toMatchObject({
      status: 'paused',
      overlap: 'buffer_one',
      remaining_runs: 3,
      schedule: { type: 'interval', every_seconds: 3600, offset_seconds: 0 },
    })
    expect(await holdfast.schedules.unpause('described')).toMatchObject({ status: 'active' })
    expect(await holdfast.schedules.delete('described')).toEqual({ id: 'described', type: 'schedule_deleted' })
    await expect(holdfast.schedules.retrieve('described')).rejects.toMatchObject({ status: 404 })
    await expect(holdfast.schedules.trigger('described')).rejects.toMatchObject({ status: 404 })
  })

  it('refuses what it could not do, names the field, and makes nothing', async () => {
    const { agent, environment } = host
    const good = { agent, environment_id: environment, initial_events: message('#say x') }
    const action = { type: 'create_session' as const, session: good }
    const schedule = { type: 'interval' as const, every_seconds: 60 }
    const refused = async (params: Record<string, unknown>, status: number, text: string) => {
      const input = { id: 'refused', schedule, action, ...params } as ScheduleCreateParams
      await expect(holdfast.schedules.create(input)).rejects.toMatchObject({
        status,
        message: expect.stringContaining(text),
      })
    }
    await refused({ schedule: { type: 'cron', expression: '99 * * * *' } }, 400, 'schedule')
    await refused({ schedule: { type: 'cron', expression: '@daily' } }, 400, 'schedule.expression')
    await refused(
      { schedule: { type: 'cron', expression: '* * * * *', timezone: 'Mars/One' } },
      400,
      'schedule.timezone',
    )
    await refused({ id: 'a b' }, 400, 'id')
    await refused({ overlap: 'perhaps' }, 400, 'overlap')
    await refused({ action: { type: 'create_session', session: { ...good, agent: 'agent_none' } } }, 404, 'agent_none')
    await refused({ action: { type: 'send', session_id: 'sesn_none', events: message('x') } }, 404, 'sesn_none')
    await refused(
      { action: { type: 'create_session', session: { ...good, initial_events: message('x'.repeat(70_000)) } } },
      400,
      'action',
    )
    await expect(holdfast.schedules.retrieve('refused')).rejects.toMatchObject({ status: 404 })
    await scheduled('taken')
    await expect(scheduled('taken')).rejects.toMatchObject({ status: 409 })
  })

  it('refuses what no session could be made of and no session takes, also when it is changed', async () => {
    const { agent, environment } = host
    const { id: session_id } = await newSession(host)
    const ended = await newSession(host)
    await holdfast.sessions.archive(ended.id)
    const vault = 'vlt_none'
    const plain = { agent, environment_id: environment }
    const create = (session: object) => ({ type: 'create_session', session: { ...plain, ...session } })
    const overriding = (overrides: object) =>
      create({ agent: { type: 'agent_with_overrides', id: agent, ...overrides } })
    const resource = (resource: object) => create({ resources: [resource] })
    const send = (...events: object[]) => ({ type: 'send', session_id, events })
    const outcome = { type: 'user.define_outcome', description: 'done', rubric: { type: 'text', content: 'good' } }
    const git = 'github_repository'
    const file = await host.client.beta.files.upload({ file: new File(['x'], 'x.txt') })
    const [text] = message('x')

    const refusals: [action: object, status: number, text: string][] = [
      [create({ initial_events: [{ type: 'user.interrupt' }] }), 400, 'initial_events.0: user.interrupt'],
      [create({ initial_events: message(' ') }), 400, 'initial_events.0.content'],
      [create({ initial_events: [outcome] }), 400, 'initial_events.0: user.define_outcome'],
      [resource({ type: 'file', file_id: file.id, mount_path: '/etc/x' }), 400, 'resources.0.mount_path'],
      [resource({ type: 'file', file_id: 'file_none' }), 400, 'resources.0.file_id'],
      [resource({ type: 'memory_store', memory_store_id: 'memstore_none' }), 400, 'resources.0.memory_store_id'],
      [resource({ type: git, url: 'nope' }), 400, 'resources.0.url'],
      [create({ vault_ids: [vault] }), 404, vault],
      [create({ agent: { type: 'agent', id: agent, version: 99 } }), 404, 'version 99'],
      [overriding({ model: null }), 400, 'agent.model'],
      [create({ environment_id: 'env_none' }), 404, 'env_none'],
      [send({ type: 'system.message', content: [{ type: 'text', text: 'x' }] }), 400, 'events.0: a system.message'],
      [send(text!, ...message('')), 400, 'events.1.content'],
      [send(outcome), 400, 'events.0: user.define_outcome'],
      [send({ type: 'user.tool_confirmation', tool_use_id: 'sevt_none', result: 'allow' }), 400, 'sevt_none'],
      [{ ...send(text!), session_id: ended.id }, 409, ended.id],
    ]
    await scheduled('checked')
    const before = (await holdfast.schedules.retrieve('checked')).action
    for (const [given, status, text] of refusals) {
      const action = given as ScheduleCreateParams['action']
      const refusal = { status, message: expect.stringContaining(text) }
      const schedule = { type: 'interval' as const, every_seconds: 3600 }
      await expect(holdfast.schedules.create({ id: 'unchecked', schedule, action })).rejects.toMatchObject(refusal)
      await expect(holdfast.schedules.update('checked', { action })).rejects.toMatchObject(refusal)
    }
    await expect(holdfast.schedules.retrieve('unchecked')).rejects.toMatchObject({ status: 404 })
    expect((await holdfast.schedules.retrieve('checked')).action).toEqual(before)
    // Not of files that it only tried: a check stores nothing.
    expect((await holdfast.files.list({ limit: 100 })).data.map(({ id }) => id)).toEqual([file.id])
  })

  it('says of a run why it failed', async () => {
    const { client, environment } = host
    const agent = await client.beta.agents.create({ name: 'Goes', model: 'claude-opus-5' })
    const session = { agent: agent.id, environment_id: environment, initial_events: message('#say x') }
    await scheduled('fails', { action: { type: 'create_session', session } })
    const { id: session_id } = await newSession(host)
    await scheduled('unsent', { action: { type: 'send', session_id, events: message('x') } })
    await client.beta.agents.archive(agent.id)
    await holdfast.sessions.archive(session_id)
    for (const id of ['fails', 'unsent']) await holdfast.schedules.trigger(id)
    const failed = (id: string) =>
      until(async () => (await holdfast.schedules.retrieve(id)).recent_runs.find((run) => run.error))
    expect(await failed('fails')).toMatchObject({
      session_id: null,
      error: { type: 'invalid_request_error', message: `agent ${agent.id} is archived` },
    })
    expect(await failed('unsent')).toMatchObject({
      error: { type: 'conflict_error', message: expect.stringContaining(session_id) },
    })
  })

  it('starts sessions when it is time, one for each time', async () => {
    await scheduled('often', {
      schedule: { type: 'interval', every_seconds: 1 },
      remaining_runs: 2,
      overlap: 'allow_all',
    })
    const runs = await until(async () => {
      const { recent_runs, remaining_runs } = await holdfast.schedules.retrieve('often')
      return (
        remaining_runs === 0 && recent_runs.length === 2 && recent_runs.every((run) => run.session_id) && recent_runs
      )
    })
    expect(runs.map(({ error }) => error)).toEqual([null, null])
    const sessions = await sessionsOf('often')
    expect(sessions.map(({ id }) => id).sort()).toEqual(runs.map((run) => run.session_id).sort())
    for (const { id } of sessions) {
      await until(async () => lastText(await listed(host.client, id)) === '[scripted model] done')
    }
  })

  it('makes up for times of the past, each once, however often that is asked', async () => {
    await scheduled('past', { schedule: { type: 'interval', every_seconds: 3600 }, overlap: 'allow_all' })
    const times = { start_at: '2026-01-01T00:00:00Z', end_at: '2026-01-01T02:00:00Z', overlap: 'allow_all' as const }
    const { connection, namespace } = holdfast.runtime
    const temporal = new Client({ connection, namespace })
    const finished = async (count: number) => {
      const { recentActions } = await until(async () => {
        const { info } = await temporal.schedule.getHandle('holdfast-past').describe()
        return info.numActionsTaken === count && info
      })
      const ended = recentActions.map(({ action: { workflow } }) =>
        temporal.workflow.getHandle(workflow.workflowId, workflow.firstExecutionRunId).result(),
      )
      await Promise.all(ended)
    }
    await holdfast.schedules.backfill('past', times)
    await finished(3)
    const ids = (await sessionsOf('past')).map(({ id }) => id)
    expect(ids).toHaveLength(3)
    await holdfast.schedules.backfill('past', times)
    await finished(6)
    expect((await sessionsOf('past')).map(({ id }) => id)).toEqual(ids)
    const { recent_runs } = await holdfast.schedules.retrieve('past')
    expect(new Set(recent_runs.map((run) => run.session_id))).toEqual(new Set(ids))
  })

  it('sends to a session, and skips while that is still at work', async () => {
    const session = await newSession(host)
    await scheduled('sends', {
      action: { type: 'send', session_id: session.id, events: message('#bash sleep 600\n#say done') },
    })
    await holdfast.schedules.trigger('sends')
    await until(async () => typesOf(await listed(host.client, session.id)).includes('agent.tool_use'))
    await holdfast.schedules.trigger('sends')
    await until(async () => (await holdfast.schedules.retrieve('sends')).skipped_overlap === 1)
    expect(await holdfast.schedules.retrieve('sends')).toMatchObject({ running: 1, runs: 1 })
    await holdfast.session(session.id).interrupt()
    await until(async () => (await holdfast.schedules.retrieve('sends')).running === 0)
    expect(typesOf(await listed(host.client, session.id)).filter((type) => type === 'user.message')).toHaveLength(1)
  })

  it('interrupts the session of the run before with the policy cancel_other', async () => {
    await scheduled('cancels', { text: '#bash sleep 600\n#say done', overlap: 'cancel_other' })
    await holdfast.schedules.trigger('cancels')
    const first = await until(async () => (await sessionsOf('cancels'))[0])
    await until(async () => typesOf(await listed(host.client, first.id)).includes('agent.tool_use'))
    // Runs of one second are one.
    const { started_at } = (await holdfast.schedules.retrieve('cancels')).recent_runs[0]!
    await until(() => Date.now() > Date.parse(started_at) + 1000)
    await holdfast.schedules.trigger('cancels')
    const second = await until(async () => (await sessionsOf('cancels')).find(({ id }) => id !== first.id))
    await until(async () => typesOf(await listed(host.client, first.id)).includes('session.status_idle'))
    await holdfast.session(second.id).interrupt()
  })

  it('shows tokens to nobody, not in Temporal either, and uses them', async () => {
    const token = 'token-that-nobody-may-see'
    const resources = [
      { type: 'github_repository' as const, url: 'https://github.com/acme/app', authorization_token: token },
    ]
    const created = await scheduled('secret', {
      action: {
        type: 'create_session',
        session: { agent: host.agent, environment_id: host.environment, title: 'secret', resources },
      },
      schedule: { type: 'interval', every_seconds: 3600 },
    })
    expect(JSON.stringify(created)).not.toContain(token)
    await holdfast.schedules.update('secret', { overlap: 'allow_all' })
    const { connection, namespace, codec } = holdfast.runtime
    const temporal = new Client({ connection, namespace, dataConverter: { payloadCodecs: [codec] } })
    const described = await temporal.schedule.getHandle('holdfast-secret').describe()
    expect(JSON.stringify(described.action)).not.toContain(token)
    await holdfast.schedules.trigger('secret')
    const session = await until(async () => (await sessionsOf('secret'))[0])
    expect(session.resources).toMatchObject([{ type: 'github_repository', url: 'https://github.com/acme/app' }])
    const { workflowId } = (
      await until(async () => (await temporal.schedule.getHandle('holdfast-secret').describe()).info.recentActions[0])
    ).action.workflow
    const history = await temporal.workflow.getHandle(workflowId).fetchHistory()
    const payloads = await Promise.all(
      history
        .events!.flatMap(
          (event) =>
            event.workflowExecutionStartedEventAttributes?.input?.payloads ??
            event.activityTaskScheduledEventAttributes?.input?.payloads ??
            [],
        )
        .map(async (payload) => Buffer.from((await codec.decode([payload]))[0]!.data!).toString()),
    )
    expect(payloads.join()).toContain('github.com/acme/app')
    expect(payloads.join()).not.toContain(token)
  })
})

async function allOf<T>(items: AsyncIterable<T>): Promise<T[]> {
  const all: T[] = []
  for await (const item of items) all.push(item)
  return all
}
