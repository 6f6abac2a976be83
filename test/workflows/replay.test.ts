import { TestWorkflowEnvironment } from '@temporalio/testing'
import { Worker } from '@temporalio/worker'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { converse, newSession } from '../support/conversation.ts'
import { startTestHost, type TestHost } from '../support/host.ts'
import { testWorkflows } from '../support/workflow-bundle.ts'

let host: TestHost
let environment: TestWorkflowEnvironment
beforeAll(async () => {
  host = await startTestHost({ config: { session: { rollOverEvents: 60 } } })
  const { address, namespace } = host.temporal
  environment = await TestWorkflowEnvironment.createFromExistingServer({ address, namespace })
})
afterAll(async () => {
  await environment?.teardown()
  await host?.remove()
})

describe('a history of every kind', () => {
  it('replays: the workflow code decides the same again', async () => {
    const { client } = host
    const plain = await newSession(host)
    await converse(client, plain.id, '#bash echo one\n#and\n#bash echo two\n#say done')
    const rescheduled = await newSession(host)
    await converse(client, rescheduled.id, '#fault 529\n#say done')
    const interrupted = await newSession(host)
    await converse(client, interrupted.id, '#bash sleep 60\n#say never', {
      onEvent: (event) =>
        event.type === 'agent.tool_use' &&
        client.beta.sessions.events.send(interrupted.id, { events: [{ type: 'user.interrupt' }] }),
    })
    const rolledOver = await newSession(host)
    for (let turn = 0; turn < 6; turn++) await converse(client, rolledOver.id, `#bash echo ${turn}\n#say done`)
    const updated = await newSession(host)
    await client.beta.sessions.update(updated.id, { title: 'new' })
    await converse(client, updated.id, '#say done')
    await client.beta.sessions.archive(updated.id)

    const { codec } = host.holdfast.runtime
    for (const { id } of [plain, rescheduled, interrupted, rolledOver, updated]) {
      const history = await environment.client.workflow.getHandle(id).fetchHistory()
      const replayed = Worker.runReplayHistory(
        { ...testWorkflows(), dataConverter: { payloadCodecs: [codec] } },
        history,
        id,
      )
      await expect(replayed).resolves.toBeUndefined()
    }
    const last = await host.holdfast.runtime.logs.get(rolledOver.id).newest()
    expect(last.run).toBeGreaterThan(1)
  })
})
