import { randomUUID } from 'node:crypto'
import { Client } from '@temporalio/client'
import { Worker } from '@temporalio/worker'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { SessionWorkflow } from '../../client/session-workflow.ts'
import { converse, newSession } from '../support/conversation.ts'
import { startTestHost, type TestHost } from '../support/host.ts'
import { until } from '../support/until.ts'
import { testWorkflows } from '../support/workflow-bundle.ts'
import type * as pipelines from './recovering-pipelines.ts'
import { historiesOf, startUsersWorker, type UsersWorker, waits } from './users-worker.ts'

let host: TestHost
let user: UsersWorker
/** Reads the sessions' own histories. */
let sessions: Client
beforeAll(async () => {
  host = await startTestHost({ config: { session: { rollOverEvents: 60 } } })
  user = await startUsersWorker(host.temporal, 'recovering-pipelines.ts')
  sessions = new Client({
    connection: user.connection,
    namespace: host.temporal.namespace,
    dataConverter: { payloadCodecs: [host.holdfast.runtime.codec] },
  })
})
afterAll(async () => {
  await user?.stop()
  await host?.remove()
})

const place = () => ({ agent: host.agent, environment_id: host.environment })
function start(type: keyof typeof pipelines, ...args: unknown[]) {
  return user.client.workflow.start(type, { taskQueue: user.taskQueue, workflowId: randomUUID(), args })
}
/** The session's history of every run, read as its worker reads it, replays. */
async function replays(sessionId: string): Promise<number> {
  const dataConverter = { payloadCodecs: [host.holdfast.runtime.codec] }
  const histories = await historiesOf(sessions, sessionId)
  for (const history of histories) {
    const replayed = Worker.runReplayHistory({ ...testWorkflows(), dataConverter }, history, sessionId)
    await expect(replayed).resolves.toBeUndefined()
  }
  return histories.length
}

describe('a session that is waited for', () => {
  it('tells it over any number of roll overs, and replays', { timeout: 90_000 }, async () => {
    const task = `${'#bash true\n'.repeat(30)}#say done`
    const { id, answers } = (await (await start('long', place(), task)).result()) as { id: string; answers: string[] }
    expect(answers[0]).toContain('done')
    expect((await host.holdfast.runtime.logs.get(id).newest()).run).toBeGreaterThan(1)
    expect(await until(async () => (await replays(id)) > 1)).toBe(true)
  })

  it('tells everybody, though one of them cannot be reached', async () => {
    const { id } = await newSession(host)
    const session = host.holdfast.session(id)
    await session.send('#wait 600000\n#say never')
    const waiting = await Promise.all([start('waitsFor', id), start('waitsFor', id)])
    for (const handle of waiting) await waits(user.client, handle.workflowId)
    const nobody = { id: 'nobody', namespace: 'no-such-namespace', workflowId: 'nobody' }
    await new SessionWorkflow(host.holdfast.runtime, id).command({ type: 'watch', watcher: nobody })
    await session.interrupt()
    for (const handle of waiting) expect(await handle.result()).toMatchObject({ status: 'idle' })
    await replays(id)
  })

  it('keeps who waits until it is told, for however long no worker is there', async () => {
    const { id } = await newSession(host)
    const handle = await start('waitsFor', id)
    await handle.result()
    const [history] = await historiesOf(sessions, id)
    const notices = history!.events!.filter(
      (event) => event.activityTaskScheduledEventAttributes?.activityType?.name === 'notify',
    )
    expect(notices).toHaveLength(1)
    const { scheduleToCloseTimeout, scheduleToStartTimeout } = notices[0]!.activityTaskScheduledEventAttributes!
    for (const limit of [scheduleToCloseTimeout, scheduleToStartTimeout]) expect(Number(limit?.seconds ?? 0)).toBe(0)
  })
})

describe('a session that nobody waits for', () => {
  it('has 24 history events for a plain turn', async () => {
    const { id } = await newSession(host)
    const handle = sessions.workflow.getHandle(id)
    await until(async () => (await handle.describe()).historyLength === 4)
    const eventsOf = async () => (await handle.describe()).historyLength
    const before = await eventsOf()
    await converse(host.client, id, '#bash true\n#say done')
    expect((await until(async () => (await eventsOf()) >= before + 24 && eventsOf())) - before).toBe(24)
  })
})
