import { fork } from 'node:child_process'
import { randomUUID } from 'node:crypto'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { listed, newSession } from '../support/conversation.ts'
import { startTestHost, type TestHost } from '../support/host.ts'
import { until } from '../support/until.ts'
import type * as pipelines from './recovering-pipelines.ts'
import { startUsersWorker, type UsersWorker, waits } from './users-worker.ts'

let host: TestHost
let user: UsersWorker
beforeAll(async () => {
  host = await startTestHost()
  user = await startUsersWorker(host.temporal, 'recovering-pipelines.ts')
})
afterAll(async () => {
  await user?.stop()
  await host?.remove()
})

const place = () => ({ agent: host.agent, environment_id: host.environment })
const retry = { maximumAttempts: 5, initialInterval: 10, backoffCoefficient: 1 }
function start(type: keyof typeof pipelines, ...args: unknown[]) {
  return user.client.workflow.start(type, { taskQueue: user.taskQueue, workflowId: randomUUID(), args, retry })
}
const messagesOf = async (id: string) =>
  (await listed(host.client, id)).filter((event) => event.type === 'user.message').length
const plain = (answers: string[]) => answers.map((answer) => answer.replace('[scripted model] ', '').trim())

describe('a pipeline that is tried again', { timeout: 90_000 }, () => {
  it('gets the answer to each of its tasks, not the newest one, also from a session that is archived', async () => {
    const handle = await start('failsLate', place(), 2)
    const { id, answers } = (await handle.result()) as { id: string; answers: string[] }
    expect(plain(answers)).toEqual(['one', 'two'])
    expect(await messagesOf(id)).toBe(2)
  })

  it('sends what it sends to sessions side by side once, in whatever order they get on', async () => {
    const handle = await start('failsBeside', place(), 4)
    const told = (await handle.result()) as { id: string; answers: string[] }[]
    expect(new Set(told.map(({ id }) => id)).size).toBe(4)
    for (const { id, answers } of told) {
      expect(answers.map((answer) => answer.match(/\d/)?.[0])).toEqual(['1', '2'])
      expect(await messagesOf(id)).toBe(2)
    }
  })
})

describe('a pipeline that goes on as new', () => {
  it('finds its session and sends anew; only a retry of a run repeats nothing', async () => {
    const handle = await start('rounds', place(), 3)
    const { id, answers } = (await handle.result()) as { id: string; answers: string[] }
    expect(answers.map((answer) => answer.match(/\d/)?.[0])).toEqual(['1', '2', '3'])
    expect(await messagesOf(id)).toBe(3)
  })
})

describe('a pipeline that is reset to its beginning', () => {
  it('finds its session and what it sent', async () => {
    const handle = await start('failsLate', place(), 0)
    const before = (await handle.result()) as { id: string }
    const { events } = await handle.fetchHistory()
    const beginning = events!.find((event) => event.workflowTaskCompletedEventAttributes)!
    const { runId } = await user.connection.workflowService.resetWorkflowExecution({
      namespace: host.temporal.namespace,
      workflowExecution: { workflowId: handle.workflowId, runId: handle.firstExecutionRunId },
      workflowTaskFinishEventId: beginning.eventId,
      requestId: randomUUID(),
      reason: 'test',
    })
    expect(runId).not.toBe(handle.firstExecutionRunId)
    expect(await user.client.workflow.getHandle(handle.workflowId, runId).result()).toEqual(before)
    expect(await messagesOf(before.id)).toBe(2)
  })
})

describe('a wait', () => {
  it('that is asked for again after it was told is told again', async () => {
    const session = await newSession(host)
    const handle = await start('asksAgain', session.id)
    expect(await handle.result()).toBe(2)
  })

  it('of a pipeline that is gone holds up nothing', async () => {
    const session = await newSession(host)
    await host.holdfast.session(session.id).send('#wait 600000\n#say never')
    const handle = await start('waitsFor', session.id)
    await waits(user.client, handle.workflowId)
    await handle.terminate()
    await host.holdfast.session(session.id).interrupt()
    await host.holdfast.session(session.id).untilIdle()
    await host.holdfast.session(session.id).archive()
    const closed = user.client.workflow.getHandle(session.id)
    await expect.poll(async () => (await closed.describe()).status.name, { timeout: 10_000 }).toBe('COMPLETED')
  })

  it('for a session that is deleted says so', async () => {
    const session = await newSession(host)
    await host.client.beta.sessions.delete(session.id)
    const handle = await start('waitsFor', session.id)
    await expect(handle.result()).rejects.toMatchObject({ cause: { cause: { type: 'ApiError' } } })
  })

  it('goes through what others answer when it is told to', async () => {
    const ask = { enabled: true, permission_policy: { type: 'always_ask' as const } }
    const agent = await host.client.beta.agents.create({
      name: 'asks',
      model: 'claude-opus-5',
      tools: [{ type: 'agent_toolset_20260401', default_config: ask }],
    })
    const handle = await start('long', { ...place(), agent: agent.id }, '#bash echo yes\n#say {{last}}', {
      throughAnswers: true,
    })
    const blocked = await until(async () => {
      const { data } = await host.client.beta.sessions.list({ agent_id: agent.id })
      const events = data[0] ? await listed(host.client, data[0].id) : []
      return events.some((event) => event.type === 'session.status_idle') && data[0]
    })
    const use = (await listed(host.client, blocked.id)).find((event) => event.type === 'agent.tool_use')!
    await host.holdfast
      .session(blocked.id)
      .send({ type: 'user.tool_confirmation', tool_use_id: use.id, result: 'allow' })
    const { answers } = (await handle.result()) as { answers: string[] }
    expect(answers[0]).toContain('yes')
  })
})

describe('a pipeline whose worker is killed while it waits', () => {
  it('hears of what happened meanwhile from the next worker, which replays it', async () => {
    const { id } = await newSession(host)
    const session = host.holdfast.session(id)
    await session.send('#wait 600000\n#say never')
    const taskQueue = 'killed'
    const processes = [startProcess(taskQueue)]
    try {
      await once(processes[0]!, 'message')
      const options = { taskQueue, workflowId: randomUUID(), args: [id] }
      const handle = await user.client.workflow.start('waitsFor', options)
      await waits(user.client, handle.workflowId)
      processes[0]!.kill('SIGKILL')
      await once(processes[0]!, 'exit')
      await session.interrupt()
      await until(async () =>
        (await handle.fetchHistory()).events!.some((event) => event.workflowExecutionSignaledEventAttributes),
      )
      processes.push(startProcess(taskQueue))
      expect(await handle.result()).toMatchObject({ status: 'idle', stopReason: { type: 'end_turn' } })
    } finally {
      for (const child of processes) child.kill('SIGKILL')
    }
  })

  function startProcess(taskQueue: string) {
    const program = fileURLToPath(new URL('users-process.ts', import.meta.url))
    return fork(program, [JSON.stringify({ temporal: host.temporal, taskQueue })])
  }
})
