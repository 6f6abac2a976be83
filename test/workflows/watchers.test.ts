import { randomUUID } from 'node:crypto'
import { ApplicationFailure } from '@temporalio/common'
import { TestWorkflowEnvironment } from '@temporalio/testing'
import { Worker } from '@temporalio/worker'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { NotifyInput, SealRunInput } from '../../protocol/contract.ts'
import { newId } from '../../protocol/ids.ts'
import { start } from '../log/samples.ts'
import { ownNamespace } from '../support/temporal.ts'
import { testWorkflows } from '../support/workflow-bundle.ts'

let environment: TestWorkflowEnvironment
beforeAll(async () => {
  environment = await TestWorkflowEnvironment.createFromExistingServer(await ownNamespace())
})
afterAll(() => environment?.teardown())

const watcher = (id: string) => ({ type: 'watch', watcher: { id, namespace: 'n', workflowId: 'w' } })

/** Archives a session with these activities; resolves when its workflow has ended. */
async function archive(activities: {
  sealRun: (input: SealRunInput, say: (command: object) => Promise<void>) => Promise<void>
  notify: (input: NotifyInput) => Promise<void>
}): Promise<void> {
  const { client, nativeConnection: connection } = environment
  const taskQueue = randomUUID()
  const workflowId = newId('session')
  const say = (command: object) => client.workflow.getHandle(workflowId).signal('command', command)
  const worker = await Worker.create({
    connection,
    namespace: client.options.namespace,
    taskQueue,
    ...testWorkflows(),
    activities: { ...activities, sealRun: (input: SealRunInput) => activities.sealRun(input, say) },
  })
  await worker.runUntil(async () => {
    const handle = await client.workflow.start('session', { taskQueue, workflowId, args: [start()] })
    await say(watcher('early'))
    await say({ type: 'archive' })
    await handle.result()
  })
}

describe('a session that ends', () => {
  it('tells those who wait, also who began to while its last segment was written', async () => {
    const told: string[] = []
    let seals = 0
    await archive({
      async sealRun(_input, say) {
        if (seals++ === 0) await say(watcher('late'))
      },
      async notify({ watcher, notice }) {
        told.push(watcher.id)
        expect(['idle', 'terminated']).toContain(notice.status)
      },
    })
    expect(told).toEqual(['early', 'late'])
    expect(seals).toBe(1)
  })

  it('tells again until it is heard, and leaves those that cannot be told', async () => {
    const told: string[] = []
    await archive({
      async sealRun(_input, say) {
        if (told.length === 2) await say(watcher('lost'))
      },
      async notify({ watcher: { id } }) {
        told.push(id)
        if (id === 'lost') throw ApplicationFailure.nonRetryable('no such thing')
        if (told.length === 1) throw new Error('the server is away')
      },
    })
    expect(told).toEqual(['early', 'early', 'lost'])
  })
})
