import { randomUUID } from 'node:crypto'
import { ApplicationFailure } from '@temporalio/common'
import { TestWorkflowEnvironment } from '@temporalio/testing'
import { Worker } from '@temporalio/worker'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { connectForReading } from '../../client/connection.ts'
import { HoldfastCodec } from '../../log/payload-codec.ts'
import { SessionLogs } from '../../log/session-logs.ts'
import { MODEL_FAILURE, type ModelStep } from '../../protocol/contract.ts'
import type { SessionEvent } from '../../protocol/events.ts'
import { newId } from '../../protocol/ids.ts'
import { memoryBlobs } from '../log/memory-blobs.ts'
import { message, start } from '../log/samples.ts'
import { ownNamespace } from '../support/temporal.ts'
import { until } from '../support/until.ts'
import { testWorkflows } from '../support/workflow-bundle.ts'

let environment: TestWorkflowEnvironment
let logs: SessionLogs
beforeAll(async () => {
  const { address, namespace } = await ownNamespace()
  environment = await TestWorkflowEnvironment.createFromExistingServer({ address, namespace })
  const connection = await connectForReading({ address })
  logs = new SessionLogs({ connection, namespace, codec: new HoldfastCodec({ blobs: memoryBlobs() }) }, memoryBlobs())
})
afterAll(async () => {
  await logs?.close()
  await environment?.teardown()
})

const usage = { input_tokens: 1, output_tokens: 1, cache_creation_input_tokens: 0, cache_read_input_tokens: 0 }
const said: ModelStep = {
  model: 'm',
  content: [{ type: 'text', text: 'done' }],
  stop_reason: 'end_turn',
  usage,
  tools: [],
}

it("the container's host takes the outputs before the turn ends, when the last request was made on another", async () => {
  const [shared, host] = [randomUUID(), randomUUID()]
  const calls: string[] = []
  const steps: (() => ModelStep)[] = [
    () => ({
      ...said,
      content: [{ type: 'tool_use', id: 'toolu_1', name: 'bash', input: {} }],
      stop_reason: 'tool_use',
      tools: [{ index: 0, kind: 'builtin', permission: 'allow' }],
      host,
    }),
    () => ({ ...said, elsewhere: true }),
    // On the container's own host: nothing to do.
    () => said,
    () => {
      const failure = { error: 'model_request_failed_error', message: 'no', transient: false, elsewhere: true }
      throw ApplicationFailure.create({ type: MODEL_FAILURE, nonRetryable: true, details: [failure] })
    },
  ]
  const noted = (name: string, result?: unknown) => async () => {
    calls.push(name)
    return result
  }
  const { client, nativeConnection: connection } = environment
  const { namespace } = client.options
  const anywhere = await Worker.create({
    connection,
    namespace,
    taskQueue: shared,
    ...testWorkflows(),
    activities: { callModel: async () => steps.shift()!() },
  })
  const result = { content: [{ type: 'text', text: 'x' }], is_error: false, outcome: 'done' }
  const there = await Worker.create({
    connection,
    namespace,
    taskQueue: host,
    activities: { runTool: noted('runTool', result), captureOutputs: noted('captureOutputs') },
  })
  const workflowId = newId('session')
  const log = logs.get(workflowId)
  const idles = async () => {
    const all: SessionEvent[] = []
    for await (const { event } of log.list({ order: 'asc' })) all.push(event)
    return all.filter(({ type }) => type === 'session.status_idle').length
  }
  await there.runUntil(() =>
    anywhere.runUntil(async () => {
      const input = start()
      const settings = { ...input.settings, modelTimeoutMs: 60_000, toolTimeoutMs: 60_000, heartbeatTimeoutMs: 60_000 }
      const handle = await client.workflow.start('session', {
        taskQueue: shared,
        workflowId,
        args: [{ ...input, settings }],
      })
      const turn = async (number: number) => {
        await handle.signal('deliver', { events: [message(newId('event'), `turn ${number}`)] })
        await until(async () => (await idles()) === number)
      }
      await turn(1)
      expect(calls).toEqual(['runTool', 'captureOutputs'])
      await turn(2)
      expect(calls).toHaveLength(2)
      await turn(3)
      expect(calls).toEqual(['runTool', 'captureOutputs', 'captureOutputs'])
      await handle.terminate()
    }),
  )
})
