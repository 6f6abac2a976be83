import { randomUUID } from 'node:crypto'
import { activityInfo, Context } from '@temporalio/activity'
import { TestWorkflowEnvironment } from '@temporalio/testing'
import { type InjectedSinks, Worker } from '@temporalio/worker'
import { afterAll, beforeAll, expect, it } from 'vitest'
import type { SessionSinks } from '../../protocol/contract.ts'
import { newId } from '../../protocol/ids.ts'
import { message, start } from '../log/samples.ts'
import { ownNamespace } from '../support/temporal.ts'
import { until } from '../support/until.ts'
import { testWorkflows } from '../support/workflow-bundle.ts'

let environment: TestWorkflowEnvironment
beforeAll(async () => {
  environment = await TestWorkflowEnvironment.createFromExistingServer(await ownNamespace())
})
afterAll(() => environment?.teardown())

it('an interrupt names to its own process what is running, once and nothing else', async () => {
  const told: [run: string, activities: string[]][] = []
  const running: [run: string, activity: string][] = []
  const ends = Promise.withResolvers<void>()
  const taskQueue = randomUUID()
  const { sinks, ...options } = testWorkflows()
  const worker = await Worker.create({
    connection: environment.nativeConnection,
    namespace: environment.client.options.namespace,
    taskQueue,
    ...options,
    sinks: {
      ...sinks,
      activities: { stop: { fn: ({ runId }, ids) => void told.push([runId, ids]) } },
    } satisfies InjectedSinks<SessionSinks>,
    activities: {
      async callModel() {
        const { activityId, workflowExecution } = activityInfo()
        running.push([workflowExecution!.runId, activityId])
        const { heartbeat, cancelled } = Context.current()
        const beat = setInterval(() => heartbeat(), 20)
        await cancelled.catch(async (wish) => {
          await ends.promise
          clearInterval(beat)
          throw wish
        })
      },
    },
  })
  const input = start()
  const settings = { ...input.settings, modelTimeoutMs: 60_000, heartbeatTimeoutMs: 60_000 }
  await worker.runUntil(async () => {
    const handle = await environment.client.workflow.start('session', {
      taskQueue,
      workflowId: newId('session'),
      args: [{ ...input, settings }],
    })
    const send = (event: object) => handle.signal('deliver', { events: [event] })
    const interrupt = () => send({ type: 'user.interrupt', id: newId('event') })
    await interrupt()
    await send(message(newId('event'), 'hello'))
    await until(() => running.length === 1)
    await interrupt()
    await until(() => told.length > 0)
    // More comes before it has stopped.
    await send(message(newId('event'), 'again'))
    await until(async () => {
      const { events = [] } = await handle.fetchHistory()
      const sent = events!.findLastIndex((event) => event.workflowExecutionSignaledEventAttributes)
      return events!.slice(sent).some((event) => event.workflowTaskCompletedEventAttributes)
    })
    ends.resolve()
    await until(() => running.length === 2)
    await handle.terminate()
  })
  const [[run, activity]] = running as [[string, string]]
  expect(told).toEqual([[run, [activity]]])
})
