import { randomUUID } from 'node:crypto'
import { fileURLToPath } from 'node:url'
import { Client, Connection } from '@temporalio/client'
import { bundleWorkflowCode, DefaultLogger, NativeConnection, Worker } from '@temporalio/worker'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { sessionActivities } from '../../worker/session-activities.ts'
import { ensureNamespace } from '../../worker/temporal-server/namespace.ts'
import { listed } from '../support/conversation.ts'
import { startTestHost, type TestHost } from '../support/host.ts'
import type * as pipelines from './pipelines.ts'

const taskQueue = 'pipelines'
let host: TestHost
let native: NativeConnection
let connection: Connection
let client: Client
let workflowBundle: { code: string }
let worker: { stop: () => Promise<void> }
beforeAll(async () => {
  host = await startTestHost({ config: { session: { rollOverEvents: 60 } } })
  const { address, namespace } = host.temporal
  native = await NativeConnection.connect({ address })
  connection = await Connection.connect({ address })
  client = new Client({ connection, namespace })
  workflowBundle = await bundleWorkflowCode({
    workflowsPath: fileURLToPath(new URL('pipelines.ts', import.meta.url)),
    logger: new DefaultLogger('ERROR'),
  })
  worker = await startWorker()
})
afterAll(async () => {
  await worker?.stop()
  await connection?.close()
  await native?.close()
  await host?.remove()
})

/** A user's worker: it knows nothing of Holdfast but what the bundle has. */
async function startWorker(options: { namespace?: string; activities?: object } = {}) {
  const { namespace = host.temporal.namespace, activities = {} } = options
  const running = await Worker.create({ connection: native, namespace, taskQueue, workflowBundle, activities })
  const ended = running.run()
  return {
    async stop() {
      running.shutdown()
      await ended
    },
  }
}

const place = () => ({ agent: host.agent, environment_id: host.environment })
function execute(type: keyof typeof pipelines, ...args: unknown[]) {
  return client.workflow.execute(type, { taskQueue, workflowId: randomUUID(), args })
}

describe('a session inside a workflow', () => {
  it('does its tasks, gives typed results, and is archived', async () => {
    const result = (await execute('report', place())) as Awaited<ReturnType<typeof pipelines.report>>
    expect(result).toMatchObject({ first: expect.stringContaining('one'), total: 42 })
    expect((await host.client.beta.sessions.retrieve(result.id)).status).toBe('terminated')
    const told = (await listed(host.client, result.id)).filter((event) => event.type === 'user.message')
    expect(JSON.stringify(told[1])).toContain('JSON Schema')
  })

  it('fails with what the model said when no answer fits the schema', async () => {
    const error = await execute('unfit', place()).catch((error) => error.cause)
    expect(error).toMatchObject({ type: 'ResultError', message: expect.stringContaining('2 attempts') })
  })

  it('wakes its workflow when it needs an answer, and again when it is done', async () => {
    const agent = await host.client.beta.agents.create({
      name: 'asks',
      model: 'claude-opus-5',
      tools: [
        {
          type: 'agent_toolset_20260401',
          default_config: { enabled: true, permission_policy: { type: 'always_ask' } },
        },
      ],
    })
    const stops = (await execute('approval', { ...place(), agent: agent.id })) as { stopReason: { type: string } }[]
    expect(stops.map(({ stopReason }) => stopReason.type)).toEqual(['requires_action', 'end_turn'])
  })

  it('is interrupted when the scope that waits for it is cancelled', async () => {
    const result = (await execute('impatient', place())) as Awaited<ReturnType<typeof pipelines.impatient>>
    expect(result).toMatchObject({ cancelled: true, after: { status: 'idle', stopReason: { type: 'end_turn' } } })
    const events = await listed(host.client, result.id)
    expect(JSON.stringify(events.find((event) => event.type === 'agent.tool_result'))).toContain('interrupted')
  })

  it('is found again by a pipeline that is retried from its beginning', async () => {
    const workflowId = randomUUID()
    const before = (await host.client.beta.sessions.list({ limit: 100 })).data.length
    const answer = await client.workflow.execute('retried', {
      taskQueue,
      workflowId,
      args: [place(), workflowId],
      retry: { maximumAttempts: 2, initialInterval: 10 },
    })
    expect((await host.client.beta.sessions.list({ limit: 100 })).data.length).toBe(before + 1)
    // The task was sent once, so the command ran once.
    expect(String(answer).match(new RegExp(workflowId, 'g'))).toHaveLength(1)
  })

  it('outlives the death of the worker that waits for it: the replay finds it', async () => {
    const handle = await client.workflow.start('report', { taskQueue, workflowId: randomUUID(), args: [place()] })
    await expect
      .poll(async () => (await host.client.beta.sessions.list({ statuses: ['running'] })).data.length, {
        timeout: 10_000,
      })
      .toBeGreaterThan(0)
    await worker.stop()
    worker = await startWorker()
    expect(await handle.result()).toMatchObject({ total: 42 })
    const history = await handle.fetchHistory()
    await expect(Worker.runReplayHistory({ workflowBundle }, history)).resolves.toBeUndefined()
  })

  it('is one of many that a workflow starts at once', async () => {
    const answers = (await execute('fanOut', place(), 10)) as string[]
    expect(answers.map((answer) => answer.replace('[scripted model] ', ''))).toEqual(
      Array.from({ length: 10 }, (_, index) => `task ${index}`),
    )
  })

  it('is reached from another namespace, whose worker has the activities', async () => {
    const namespace = `other-${randomUUID()}`
    await ensureNamespace(connection, namespace)
    const other = await startWorker({ namespace, activities: sessionActivities(host.holdfast) })
    try {
      const there = new Client({ connection, namespace })
      const options = { taskQueue, workflowId: randomUUID(), args: [{ ...place(), taskQueue }] }
      expect(await there.workflow.execute('report', options as never)).toMatchObject({ total: 42 })
    } finally {
      await other.stop()
    }
  })
})
