import type { Connection } from '@temporalio/client'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { Holdfast } from '../../client/holdfast.ts'
import type { Runtime } from '../../client/runtime.ts'
import { finishDeletions } from '../../client/unfinished-deletions.ts'
import { startTestHost, type TestHost } from '../support/host.ts'
import { unheard } from '../support/unheard.ts'
import { until } from '../support/until.ts'

let host: TestHost
beforeAll(async () => {
  host = await startTestHost()
})
afterAll(() => host?.remove())

/** The library when workflows can be started no more, or when nobody hears that they were. */
function failing(runtime: Runtime, { starts }: { starts: boolean }): Holdfast {
  const { connection } = runtime
  const { workflowService } = connection
  const service = new Proxy(workflowService, {
    get(target, name) {
      if (name !== 'startWorkflowExecution') return Reflect.get(target, name)
      return async (request: Parameters<typeof workflowService.startWorkflowExecution>[0]) => {
        if (starts) await workflowService.startWorkflowExecution(request)
        throw new Error('Temporal is away')
      }
    },
  })
  const broken = new Proxy(connection, {
    get(target, name) {
      const value = Reflect.get(target, name)
      if (name === 'workflowService') return service
      return typeof value === 'function' ? value.bind(target) : value
    },
  }) as Connection
  return Holdfast.over({ ...runtime, connection: broken })
}

const notFound = 5
const minutes = (count: number) => Date.now() + count * 60_000

it.each([{ starts: false }, { starts: true }])(
  'leaves nothing of a session that could not be created: %o',
  async (how) => {
    const { client, holdfast, agent, environment } = host
    const { runtime } = holdfast
    const { records } = runtime
    const file = await client.beta.files.upload({ file: new File(['hello'], 'a.txt') })
    const before = (await client.beta.sessions.list({ limit: 100 })).data.length
    const created = failing(runtime, how).sessions.create({
      agent,
      environment_id: environment,
      resources: [{ type: 'file', file_id: file.id }],
      ...(how.starts && {
        initial_events: [{ type: 'user.message', content: [{ type: 'text', text: '#sh echo hi' }] }],
      }),
    })
    await expect(created).rejects.toThrow('Temporal is away')
    expect((await client.beta.sessions.list({ limit: 100 })).data).toHaveLength(before)
    const [left] = await records.sessions.deletedBefore(new Date(minutes(1)).toISOString(), { limit: 1 })
    expect(await records.sessions.get(left!)).toBeDefined()
    await expect(holdfast.sessions.retrieve(left!)).rejects.toMatchObject({ status: 404 })
    const described = (workflowId: string) =>
      runtime.connection.workflowService.describeWorkflowExecution({
        namespace: runtime.namespace,
        execution: { workflowId },
      })
    // Who has marked it may still be at it.
    await finishDeletions(runtime)
    await expect(described(`erase-${left}`)).rejects.toMatchObject({ code: notFound })

    await finishDeletions(runtime, minutes(2))
    await until(async () => !(await records.sessions.get(left!)))
    expect((await records.files.list({ limit: 1, scope: left! })).rows).toEqual([])
    expect(await runtime.logs.get(left!).lastSegment()).toBeUndefined()
    await expect(described(left!)).rejects.toMatchObject({ code: notFound })
    expect((await client.beta.files.retrieveMetadata(file.id)).id).toBe(file.id)
  },
)

it('leaves nothing of a session of which nobody knows whether it was stored', async () => {
  const { holdfast, agent, environment } = host
  const { runtime } = holdfast
  const sessions = { ...runtime.records.sessions, insert: unheard(runtime.records.sessions.insert) }
  const cut = Holdfast.over({ ...runtime, records: { ...runtime.records, sessions } })
  const params = { agent, environment_id: environment, metadata: { named: 'unheard' } }
  await expect(cut.sessions.create(params)).rejects.toMatchObject({ mayBeDone: true })
  const { data } = await holdfast.sessions.list({ limit: 100 })
  expect(data.filter(({ metadata }) => metadata.named)).toEqual([])
  await finishDeletions(runtime, minutes(2))
  await until(async () => (await runtime.records.sessions.deletedBefore('2100', { limit: 1 })).length === 0)
  // With a key whoever tries again goes on with it.
  const key = { idempotencyKey: 'order-2' }
  await expect(cut.sessions.create(params, key)).rejects.toMatchObject({ mayBeDone: true })
  expect((await holdfast.sessions.create(params, key)).status).toBe('idle')
})

it('leaves a session with an idempotency key to whoever tries again with it', async () => {
  const { holdfast, agent, environment } = host
  const key = { idempotencyKey: 'order-1' }
  const params = { agent, environment_id: environment }
  const failed = failing(holdfast.runtime, { starts: false }).sessions.create(params, key)
  await expect(failed).rejects.toThrow('Temporal is away')
  await finishDeletions(holdfast.runtime, minutes(2))
  const session = await holdfast.sessions.create(params, key)
  expect(session.status).toBe('idle')
})
