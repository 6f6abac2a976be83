import { randomUUID } from 'node:crypto'
import { activityInfo, Context } from '@temporalio/activity'
import { TestWorkflowEnvironment } from '@temporalio/testing'
import { type InjectedSinks, Worker } from '@temporalio/worker'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { ModelStep, SessionSinks, ToolResult } from '../../protocol/contract.ts'
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
    // Otherwise heartbeats, which bring the cancellation, are held back for most of their long time-out.
    maxHeartbeatThrottleInterval: '100ms',
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

describe('an interrupt that the workflow sees together with the result of what it stopped', () => {
  const usage = { input_tokens: 1, output_tokens: 1, cache_creation_input_tokens: 0, cache_read_input_tokens: 0 }
  const stoppedReply: ModelStep = { model: '', content: [], stop_reason: null, usage, tools: [], interrupted: true }
  const toolUse: ModelStep = {
    model: 'm',
    content: [{ type: 'tool_use', id: 'toolu_1', name: 'bash', input: { command: 'sleep 60' } }],
    stop_reason: 'tool_use',
    usage,
    tools: [{ index: 0, kind: 'builtin', permission: 'allow' }],
  }
  const answer: ModelStep = { ...toolUse, content: [{ type: 'text', text: 'hi' }], stop_reason: 'end_turn', tools: [] }
  const stoppedCall: ToolResult = {
    content: [{ type: 'text', text: 'as far as it came' }],
    is_error: true,
    outcome: 'interrupted',
  }

  it.each(['callModel', 'runTool'] as const)('ends the turn, and the session goes on: %s', async (stopped) => {
    const taskQueue = randomUUID()
    const { client, nativeConnection: connection } = environment
    const worker = { connection, namespace: client.options.namespace, taskQueue }
    const begun = Promise.withResolvers<void>()
    const stop = Promise.withResolvers<void>()
    const untilStopped = async <T>(result: T) => {
      begun.resolve()
      await stop.promise
      return result
    }
    let requests = 0
    const works = await Worker.create({
      ...worker,
      activities: {
        callModel: async () => {
          if (++requests > 1) return answer
          return stopped === 'callModel' ? untilStopped(stoppedReply) : toolUse
        },
        runTool: () => untilStopped(stoppedCall),
      },
    })
    const decides = () => Worker.create({ ...worker, ...testWorkflows() })
    const input = start()
    const settings = {
      ...input.settings,
      modelTimeoutMs: 60_000,
      toolTimeoutMs: 60_000,
      heartbeatTimeoutMs: 60_000,
    }
    const handle = await client.workflow.start('session', {
      taskQueue,
      workflowId: newId('session'),
      args: [{ ...input, settings }],
    })
    const send = (event: object) => handle.signal('deliver', { events: [event] })
    const history = async () => (await handle.fetchHistory()).events ?? []
    await works.runUntil(async () => {
      await (await decides()).runUntil(async () => {
        await send(message(newId('event'), 'hello'))
        await begun.promise
      })
      // Nobody decides now.
      await send({ type: 'user.interrupt', id: newId('event') })
      stop.resolve()
      await until(async () => (await history()).at(-1)?.activityTaskCompletedEventAttributes)
      await (await decides()).runUntil(async () => {
        await until(async () => (await history()).at(-1)?.workflowPropertiesModifiedEventAttributes)
        await send(message(newId('event'), 'next'))
        await until(() => requests > 1)
      })
    })
    expect(requests).toBe(2)
    const events = await history()
    const types = events.map(
      (event) => Object.entries(event).find(([key, value]) => key.endsWith('Attributes') && value)?.[0],
    )
    expect(types).not.toContain('activityTaskCancelRequestedEventAttributes')
    expect(types).not.toContain('workflowTaskFailedEventAttributes')
    await handle.terminate()
  })
})
