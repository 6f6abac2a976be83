import { randomUUID } from 'node:crypto'
import { ApplicationFailure } from '@temporalio/common'
import { Worker } from '@temporalio/worker'
import { expect, it } from 'vitest'
import { MODEL_FAILURE, type ModelStep } from '../../protocol/contract.ts'
import { newId } from '../../protocol/ids.ts'
import { message } from '../log/samples.ts'
import { until } from '../support/until.ts'
import { testWorkflows } from '../support/workflow-bundle.ts'
import { eventsOf, patientStart, said, useSessionEnvironment } from './session-environment.ts'

const used = useSessionEnvironment()

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
  const { client, nativeConnection: connection } = used.environment
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
  const idles = async () => {
    const events = await eventsOf(used.logs, workflowId)
    return events.filter(({ type }) => type === 'session.status_idle').length
  }
  await there.runUntil(() =>
    anywhere.runUntil(async () => {
      const handle = await client.workflow.start('session', {
        taskQueue: shared,
        workflowId,
        args: [patientStart()],
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
