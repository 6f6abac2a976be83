import { Client, type Connection } from '@temporalio/client'
import { MockActivityEnvironment } from '@temporalio/testing'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { DeploymentClocks } from '../../client/deployment-clocks.ts'
import { DeploymentRunner } from '../../client/deployment-runs.ts'
import { Holdfast } from '../../client/holdfast.ts'
import type { Runtime } from '../../client/runtime.ts'
import { deploymentNames } from '../../protocol/deployment-clock.ts'
import type { DeploymentCreateParams } from '../../protocol/deployments.ts'
import { StorageUnavailable } from '../../store/blobs.ts'
import type { Records } from '../../store/records.ts'
import { RecordsUnavailable } from '../../store/records-unavailable.ts'
import { deploymentActivities } from '../../worker/deployment-activities.ts'
import { lastText, listed, message } from '../support/conversation.ts'
import { startTestHost, type TestHost } from '../support/host.ts'
import { unheard } from '../support/unheard.ts'
import { until } from '../support/until.ts'

let host: TestHost
let holdfast: Holdfast
let runtime: Runtime
let temporal: Client
beforeAll(async () => {
  host = await startTestHost()
  holdfast = host.holdfast
  runtime = holdfast.runtime
  temporal = new Client({ connection: runtime.connection, namespace: runtime.namespace })
})
afterAll(() => host?.remove())

const rarely = { type: 'cron' as const, expression: '0 6 29 2 *', timezone: 'UTC' }
const scheduledAt = '2024-02-29T06:00:00Z'

const recipe = () => ({
  name: 'Faults',
  agent: host.agent,
  environment_id: host.environment,
  initial_events: [message('#say done')],
})

const deployed = (params: Partial<DeploymentCreateParams> = {}) =>
  holdfast.deployments.create({ ...recipe(), ...params })

const stored = async (id: string) => (await runtime.records.deployments.get(id))!.deployment
const clockOf = async (id: string) => (await stored(id)).clock!
const timeOf = async (deploymentId: string) => ({ deploymentId, clock: await clockOf(deploymentId), scheduledAt })
const runsOf = async (deployment_id: string) => (await holdfast.deploymentRuns.list({ deployment_id })).data
const sessionsOf = async (deployment_id: string) => (await holdfast.sessions.list({ deployment_id })).data
const schedule = (id: string, clock: string) => temporal.schedule.getHandle(`holdfast.${id}.${clock}`)
const isThere = (id: string, clock: string) =>
  schedule(id, clock)
    .describe()
    .then(
      () => true,
      () => false,
    )

class Killed extends Error {}

/**
 * What a process has that is killed before, or after, its n-th step: a call of the records, or the start of a workflow. No step
 * of it does anything from then on.
 */
function doomed(to: { step: number; when: 'before' | 'after' }) {
  let steps = 0
  let dead = false
  const step = async (work: () => unknown) => {
    const isLast = ++steps === to.step
    if (isLast && to.when === 'before') dead = true
    if (dead) throw new Killed()
    const done = await work()
    if (isLast) dead = true
    if (dead) throw new Killed()
    return done
  }
  const watched = <T extends object>(object: T, stepsOf: (name: string) => boolean): T =>
    new Proxy(object, {
      get(target, name) {
        const value = Reflect.get(target, name)
        if (typeof value !== 'function') return value
        const method = (...given: unknown[]) => value.apply(target, given)
        return typeof name === 'string' && stepsOf(name)
          ? (...given: unknown[]) => step(() => method(...given))
          : method
      },
    })
  const records = Object.fromEntries(
    Object.entries(runtime.records).map(([name, of]) => [name, typeof of === 'object' ? watched(of, () => true) : of]),
  ) as unknown as Records
  const service = watched(runtime.connection.workflowService, (name) => name === 'startWorkflowExecution')
  const connection = new Proxy(runtime.connection, {
    get(target, name) {
      const value = Reflect.get(target, name)
      if (name === 'workflowService') return service
      return typeof value === 'function' ? value.bind(target) : value
    },
  }) as Connection
  return { runtime: { ...runtime, records, connection }, survived: () => !dead }
}

const runner = (of: Runtime) => new DeploymentRunner(of, new DeploymentClocks(of))

describe('a run whose maker is killed', { timeout: 60_000 }, () => {
  it.each(['before', 'after'] as const)(
    'is one run with one session, wherever that was: %s each step',
    async (when) => {
      const { id } = await deployed({ schedule: rarely })
      let survived = false
      for (let step = 1; !survived; step++) {
        const time = { ...(await timeOf(id)), scheduledAt: `${2000 + 4 * step}-02-29T06:00:00Z` }
        const killed = doomed({ step, when })
        await runner(killed.runtime)
          .byTheClock(time, 0)
          .catch(() => {})
        survived = killed.survived()
        await runner(runtime).byTheClock(time, 0)
        const runs = await runsOf(id)
        expect(runs).toHaveLength(step)
        expect(runs[0]).toMatchObject({
          error: null,
          trigger_context: { type: 'schedule', scheduled_at: time.scheduledAt.replace('Z', '.000Z') },
        })
        expect((await sessionsOf(id)).map((session) => session.id)).toEqual(runs.map((run) => run.session_id))
        if (step > 30) throw new Error('a run never has so many steps')
      }
      for (const { session_id } of await runsOf(id)) {
        await until(async () => lastText(await listed(host.client, session_id!)) === '[scripted model] done')
      }
      expect(await runtime.records.deploymentRuns.pendingBefore('2100', { limit: 1 })).toEqual([])
    },
  )

  it('fails once, and pauses the deployment, wherever that was', async () => {
    const environment = await holdfast.environments.create({ name: 'goes' })
    const all: string[] = []
    for (let count = 0; count < 4; count++) {
      all.push((await deployed({ schedule: rarely, environment_id: environment.id })).id)
    }
    await holdfast.environments.archive(environment.id)
    for (const [index, id] of all.entries()) {
      const killed = doomed({ step: index + 2, when: 'after' })
      await runner(killed.runtime)
        .byTheClock(await timeOf(id), 0)
        .catch(() => {})
      await runner(runtime).byTheClock(await timeOf(id), 0)
      expect(await runsOf(id)).toMatchObject([{ session_id: null, error: { type: 'environment_archived_error' } }])
      expect(await stored(id)).toMatchObject({
        paused_reason: { type: 'error', error: { type: 'environment_archived_error' } },
      })
    }
  })

  it('is begun by the housekeeping when nobody comes again', async () => {
    const { id } = await deployed()
    for (let step = 1; ; step++) {
      const killed = doomed({ step, when: 'after' })
      await runner(killed.runtime)
        .onDemand(id, undefined)
        .catch(() => {})
      if (await runsOf(id).then((runs) => runs.length > 0)) break
    }
    const [run] = await runsOf(id)
    expect(await runtime.records.deploymentRuns.pendingBefore('2100', { limit: 9 })).toMatchObject([{ run }])
    await runner(runtime).finish(Date.now() + 120_000)
    await until(async () => lastText(await listed(host.client, run!.session_id!)) === '[scripted model] done')
    expect(await runtime.records.deploymentRuns.pendingBefore('2100', { limit: 9 })).toEqual([])
  })

  it('is made when its worker is killed', async () => {
    const { id } = await deployed({ schedule: rarely })
    const backfill = { start: new Date('2024-02-29T00:00:00Z'), end: new Date('2024-03-01T00:00:00Z') }
    await schedule(id, await clockOf(id)).backfill(backfill)
    process.kill(host.workerPids[0]!, 'SIGKILL')
    const [run] = await until(async () => {
      const runs = await runsOf(id)
      return runs.length > 0 && runs
    })
    await until(async () => lastText(await listed(host.client, run!.session_id!)) === '[scripted model] done')
    expect(await runsOf(id)).toEqual([run])
    expect(await sessionsOf(id)).toHaveLength(1)
  })
})

describe('a run', { timeout: 60_000 }, () => {
  it('is one for a time, however many make it at once', async () => {
    const { id } = await deployed({ schedule: rarely })
    const time = await timeOf(id)
    await Promise.all(Array.from({ length: 5 }, () => runner(runtime).byTheClock(time, 0)))
    expect(await runsOf(id)).toHaveLength(1)
    expect(await sessionsOf(id)).toHaveLength(1)
  })

  it('on demand leaves nothing when Temporal cannot be reached', async () => {
    const { id } = await deployed()
    const { connection } = runtime
    const away = new Proxy(connection, {
      get(target, name) {
        const value = Reflect.get(target, name)
        if (name === 'workflowService')
          return new Proxy(value, { get: () => () => Promise.reject(new Error('Temporal is away')) })
        return typeof value === 'function' ? value.bind(target) : value
      },
    }) as Connection
    const cut = Holdfast.over({ ...runtime, connection: away })
    await expect(cut.deployments.run(id)).rejects.toThrow('Temporal is away')
    await expect(cut.deployments.create({ ...recipe(), schedule: rarely, name: 'never' })).rejects.toThrow()
    expect(await runsOf(id)).toEqual([])
    expect(await sessionsOf(id)).toEqual([])
    expect((await holdfast.deployments.list({ limit: 100 })).data.map(({ name }) => name)).not.toContain('never')
  })

  it('is not that of a session which somebody created with its key', async () => {
    const { id } = await deployed({ schedule: rarely })
    const time = await timeOf(id)
    const session = { agent: host.agent, environment_id: host.environment }
    await holdfast.sessions.create(session, { idempotencyKey: `deployment/${id}/${scheduledAt}` })
    await runner(runtime).byTheClock(time, 0)
    expect(await runsOf(id)).toMatchObject([{ session_id: null, error: { type: 'session_creation_rejected_error' } }])
    expect((await holdfast.deployments.retrieve(id)).status).toBe('active')
  })

  it('pauses its deployment when its tokens cannot be read', async () => {
    const { id } = await deployed({
      schedule: rarely,
      resources: [{ type: 'github_repository', url: 'https://github.com/acme/app', authorization_token: 'hidden' }],
    })
    const before = await stored(id)
    const [resource] = before.resources
    const spoilt = { ...before, resources: [{ ...resource!, authorization_token: 'v1.spoilt' } as never] }
    await runtime.records.deployments.update(spoilt, before, 1000)
    await runner(runtime).byTheClock(await timeOf(id), 0)
    expect(await runsOf(id)).toMatchObject([{ error: { type: 'unknown_error' } }])
    expect(JSON.stringify(await runsOf(id))).not.toMatch(/hidden|spoilt/)
    expect(await stored(id)).toMatchObject({ paused_reason: { type: 'error', error: { type: 'unknown_error' } } })
  })

  it('that nobody could make says so, once, and pauses its deployment', async () => {
    const { id } = await deployed({ schedule: rarely })
    const time = await timeOf(id)
    for (let times = 0; times < 2; times++) await runner(runtime).givenUp(time)
    expect(await runsOf(id)).toMatchObject([{ error: { type: 'unknown_error' } }])
    expect((await holdfast.deployments.retrieve(id)).status).toBe('paused')
    expect(await isThere(id, time.clock)).toBe(false)
  })

  it.each([
    ['the database', () => new RecordsUnavailable({ cause: undefined })],
    ['the bucket', () => new StorageUnavailable('bucket b: put: ECONNREFUSED', { reason: 'ECONNREFUSED' })],
  ])('waits for %s, however long it is away, and does not pause its deployment', async (_name, failure) => {
    const { id } = await deployed({ schedule: rarely })
    const time = await timeOf(id)
    const { records } = runtime
    const sessions = { ...records.sessions, insert: () => Promise.reject(failure()) }
    const activity = deploymentActivities({ ...runtime, records: { ...records, sessions } })[deploymentNames.run]
    await expect(new MockActivityEnvironment({ attempt: 1000 }).run(activity, time)).rejects.toMatchObject(failure())
    expect(await runsOf(id)).toEqual([])
    expect((await holdfast.deployments.retrieve(id)).status).toBe('active')
    await runner(runtime).byTheClock(time, 0)
    expect(await runsOf(id)).toMatchObject([{ error: null }])
  })

  it('that fails for no known reason is given up after a while, and its deployment is paused', async () => {
    const { id } = await deployed({ schedule: rarely })
    const { records } = runtime
    const sessions = { ...records.sessions, insert: () => Promise.reject(new TypeError('a fault')) }
    const activity = deploymentActivities({ ...runtime, records: { ...records, sessions } })[deploymentNames.run]
    const time = await timeOf(id)
    await expect(new MockActivityEnvironment({ attempt: 19 }).run(activity, time)).rejects.toThrow('a fault')
    await new MockActivityEnvironment({ attempt: 20 }).run(activity, time)
    expect(await runsOf(id)).toMatchObject([{ error: { type: 'unknown_error' } }])
    expect((await holdfast.deployments.retrieve(id)).status).toBe('paused')
  })

  it('is none, and its deployment is archived, when its agent was while that was made', async () => {
    const { id: agent } = await holdfast.agents.create({ name: 'Goes', model: 'claude-opus-5' })
    const { id } = await deployed({ agent, schedule: rarely })
    const other = await deployed({ agent })
    const [before, second] = [await stored(id), await stored(other.id)]
    await holdfast.agents.archive(agent)
    // As it is stored by who has seen the agent before it was archived.
    await runtime.records.deployments.update(before, await stored(id), 1000)
    await runtime.records.deployments.update(second, await stored(other.id), 1000)
    await runner(runtime).byTheClock(await timeOf(id), 0)
    await expect(holdfast.deployments.run(other.id)).rejects.toMatchObject({ status: 400 })
    for (const one of [id, other.id]) {
      expect(await runsOf(one)).toEqual([])
      expect((await stored(one)).archived_at).not.toBeNull()
    }
  })
})

describe('a clock', { timeout: 60_000 }, () => {
  it('that is not the one of its deployment makes no run, and goes', async () => {
    const clocks = new DeploymentClocks(runtime)
    const { id } = await deployed({ schedule: rarely })
    const left = await clocks.start(id, rarely)
    const orphan = await clocks.start('depl_none', rarely)
    const fired = (deploymentId: string, clock: string, waitedMs: number) =>
      runner(runtime).byTheClock({ deploymentId, clock, scheduledAt }, waitedMs)
    // Perhaps its deployment is about to be stored.
    await expect(fired(id, left, 0)).rejects.toThrow('perhaps not yet')
    await expect(fired('depl_none', orphan, 0)).rejects.toThrow('perhaps not yet')
    expect(await isThere(id, left)).toBe(true)
    await fired(id, left, 120_000)
    await fired('depl_none', orphan, 120_000)
    expect([await isThere(id, left), await isThere('depl_none', orphan)]).toEqual([false, false])
    expect(await isThere(id, await clockOf(id))).toBe(true)
    expect(await runsOf(id)).toEqual([])
  })

  it('that is left over keeps the one of its deployment from no run', async () => {
    const { id } = await deployed({ schedule: rarely })
    const left = await new DeploymentClocks(runtime).start(id, rarely)
    const time = { start: new Date('2024-02-29T00:00:00Z'), end: new Date('2024-03-01T00:00:00Z') }
    await schedule(id, left).backfill(time)
    // It waits for a while, for its deployment may be about to be stored.
    await until(async () => {
      const waiting = temporal.workflow.list({
        query: `WorkflowType = 'deploymentRun' AND ExecutionStatus = 'Running'`,
      })
      for await (const { workflowId } of waiting) if (workflowId.includes(id)) return true
      return false
    })
    await schedule(id, await clockOf(id)).backfill(time)
    await until(async () => (await runsOf(id)).length === 1)
  })

  it('of a paused deployment makes no run, though it fires', async () => {
    const { id } = await deployed({ schedule: rarely })
    const time = await timeOf(id)
    await holdfast.deployments.pause(id)
    await runner(runtime).byTheClock(time, 120_000)
    await holdfast.deployments.unpause(id)
    await runner(runtime).byTheClock(time, 120_000)
    expect(await runsOf(id)).toEqual([])
  })

  it('makes no run for what is no time of its schedule', async () => {
    const { id } = await deployed({ schedule: rarely })
    await runner(runtime).byTheClock({ ...(await timeOf(id)), scheduledAt: '2024-02-29T07:00:00Z' }, 0)
    expect(await runsOf(id)).toEqual([])
  })

  it('has another one beside it for times that clocks show twice, and both go', async () => {
    const { id } = await deployed({ schedule: { type: 'cron', expression: '30 2 * * *', timezone: 'Europe/Oslo' } })
    const clock = await clockOf(id)
    const beside = `${clock}.repeated`
    expect([await isThere(id, clock), await isThere(id, beside)]).toEqual([true, true])
    await holdfast.deployments.archive(id)
    expect([await isThere(id, clock), await isThere(id, beside)]).toEqual([false, false])
  })

  it('ticks when nobody knows whether its deployment was stored', async () => {
    const { deployments } = runtime.records
    const over = (changed: Partial<typeof deployments>) =>
      Holdfast.over({ ...runtime, records: { ...runtime.records, deployments: { ...deployments, ...changed } } })
    const inserting = over({ insert: unheard(deployments.insert) })
    const { id } = await inserting.deployments.create({ ...recipe(), schedule: rarely })
    const first = await clockOf(id)
    expect(await isThere(id, first)).toBe(true)
    const updating = over({ update: unheard(deployments.update) })
    const schedule = { ...rarely, expression: '0 7 29 2 *' }
    await expect(updating.deployments.update(id, { schedule })).rejects.toMatchObject({ mayBeDone: true })
    const second = await clockOf(id)
    expect(second).not.toBe(first)
    expect(await isThere(id, second)).toBe(true)
  })

  it('is right after changes that many make at once', async () => {
    const { id } = await deployed({ schedule: rarely })
    const api = holdfast.deployments
    const expressions = ['0 7 29 2 *', '0 8 29 2 *', '0 9 29 2 *']
    await Promise.all([
      ...expressions.map((expression) => api.update(id, { schedule: { ...rarely, expression } })),
      api.pause(id),
      api.unpause(id),
      api.update(id, { name: 'Renamed' }),
    ])
    await api.unpause(id)
    expect(await stored(id)).toMatchObject({ name: 'Renamed', paused_reason: null })
    expect(await isThere(id, await clockOf(id))).toBe(true)
    const there = await until(async () => {
      const ids: string[] = []
      for await (const { scheduleId } of temporal.schedule.list()) ids.push(scheduleId)
      const own = ids.filter((one) => one.startsWith(`holdfast.${id}.`))
      return own.length === 1 && own
    })
    expect(there).toEqual([`holdfast.${id}.${await clockOf(id)}`])
  })
})
