import { writeFile } from 'node:fs/promises'
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest'
import { SessionWorkflow } from '../../client/session-workflow.ts'
import { converse, lastText, newSession, typesOf } from '../support/conversation.ts'
import { startTestHost, type TestHost } from '../support/host.ts'
import { until } from '../support/until.ts'

let host: TestHost
beforeAll(async () => {
  host = await startTestHost({ config: { worker: { shutdownGraceMs: 100 } } })
})
afterAll(() => host?.remove())

const statusOf = async (id: string) => (await new SessionWorkflow(host.holdfast.runtime, id).state())?.status
const ended = (id: string) => until(async () => (await statusOf(id)) === 'terminated')

describe('a session that is being created', () => {
  it('can be followed by who finds it in the list before it has begun', async () => {
    const { workflowService } = host.holdfast.runtime.connection
    const start = workflowService.startWorkflowExecution.bind(workflowService)
    const begin = Promise.withResolvers<void>()
    vi.spyOn(workflowService, 'startWorkflowExecution').mockImplementationOnce((async (request: never) => {
      await begin.promise
      return start(request)
    }) as never)
    const title = 'is being created'
    const creation = host.holdfast.sessions.create({
      title,
      agent: host.agent,
      environment_id: host.environment,
      initial_events: [{ type: 'user.message', content: [{ type: 'text', text: '#say here' }] }],
    })
    const listed = await until(async () =>
      (await host.holdfast.sessions.list()).data.find((row) => row.title === title),
    )
    const session = host.holdfast.session(listed.id)
    const idle = session.untilIdle()
    const first = session.events().next()
    setTimeout(begin.resolve, 200)
    expect((await first).value?.event.type).toBe('user.message')
    expect(await idle).toMatchObject({ status: 'idle', stopReason: { type: 'end_turn' } })
    await creation
  })
})

describe('archiving', () => {
  it('is finished by the next call when the first one ended half-way', async () => {
    const session = await newSession(host)
    // What a process leaves that is killed between its two steps.
    await host.holdfast.runtime.records.sessions.update(session.id, { archivedAt: new Date().toISOString() })
    await host.client.beta.sessions.archive(session.id)
    await ended(session.id)
  })

  it('may be asked for by several at once', async () => {
    const session = await newSession(host)
    const archived = await Promise.all([1, 2, 3].map(() => host.client.beta.sessions.archive(session.id)))
    expect(archived.map(({ status }) => status)).toEqual(['terminated', 'terminated', 'terminated'])
    await ended(session.id)
    expect(await host.client.beta.sessions.archive(session.id)).toMatchObject({ status: 'terminated' })
  })
})

describe('a session whose creation ended before its workflow began', () => {
  it('can be changed, archived and deleted without an error of the server', async () => {
    const session = await newSession(host)
    const { records } = host.holdfast.runtime
    const row = (await records.sessions.get(session.id))!
    const agent = (await records.sessions.configuration(session.id, 1))!
    const orphan = { ...row, id: `${row.id}X`, idempotencyKey: null }
    await records.sessions.insert(orphan, agent)
    expect(await host.client.beta.sessions.update(orphan.id, { title: 'new' })).toMatchObject({ title: 'new' })
    expect(await host.client.beta.sessions.archive(orphan.id)).toMatchObject({ status: 'terminated' })
    await host.client.beta.sessions.delete(orphan.id)
  })
})

describe('a repeated creation', () => {
  it('does not begin an archived session anew that Temporal has forgotten', async () => {
    const key = { idempotencyKey: crypto.randomUUID() }
    const params = { agent: host.agent, environment_id: host.environment }
    const session = await host.holdfast.sessions.create(params, key)
    await host.holdfast.sessions.archive(session.id)
    await ended(session.id)
    const { connection, namespace } = host.holdfast.runtime
    await connection.workflowService.deleteWorkflowExecution({
      namespace,
      workflowExecution: { workflowId: session.id },
    })
    await until(async () => (await statusOf(session.id)) === undefined)
    expect(await host.holdfast.sessions.create(params, key)).toMatchObject({ id: session.id, status: 'terminated' })
    expect(await statusOf(session.id)).toBeUndefined()
  })

  it('does not begin one anew whose workflow an operator ended, and which Temporal has forgotten', async () => {
    const key = { idempotencyKey: crypto.randomUUID() }
    const params = { agent: host.agent, environment_id: host.environment }
    const { id } = await host.holdfast.sessions.create(params, key)
    const { connection, namespace } = host.holdfast.runtime
    const workflowExecution = { workflowId: id }
    await connection.workflowService.terminateWorkflowExecution({ namespace, workflowExecution })
    expect(await host.holdfast.sessions.retrieve(id)).toMatchObject({ status: 'terminated' })
    await connection.workflowService.deleteWorkflowExecution({ namespace, workflowExecution })
    await until(async () => (await statusOf(id)) === undefined)
    expect(await host.holdfast.sessions.create(params, key)).toMatchObject({ id, status: 'terminated' })
    expect(await statusOf(id)).toBeUndefined()
  })
})

describe('workers that are told to stop in the middle of a tool call, again and again', () => {
  it('leave the command to the one after them', async () => {
    const session = await newSession(host)
    const script = '#bash for i in $(seq 200); do [ -e done ] && break; sleep 0.1; done; echo finished\n#say {{last}}'
    const events = await converse(host.client, session.id, script, {
      onEvent: async (event) => {
        if (event.type !== 'agent.tool_use') return
        const stopped = new Set<number>()
        while (stopped.size < 4) {
          const pid = await until(async () => (await runsOn(session.id)) && unstopped(stopped))
          process.kill(pid, 'SIGTERM')
          stopped.add(pid)
          await until(() => !host.workerPids.includes(pid))
        }
        const { containersRoot } = await import('../../activities/container/keeper/session-folder.ts')
        await writeFile(`${await containersRoot(host.dataDir)}/${session.id}/workspace/done`, '')
      },
    })
    expect(typesOf(events)).toContain('session.status_rescheduled')
    expect(lastText(events)).toContain('finished')
  }, 60_000)

  const unstopped = (stopped: Set<number>) => host.workerPids.find((pid) => !stopped.has(pid))

  /** Whether a worker has begun the session's activity. */
  async function runsOn(workflowId: string) {
    const { connection, namespace } = host.holdfast.runtime
    const { pendingActivities } = await connection.workflowService.describeWorkflowExecution({
      namespace,
      execution: { workflowId },
    })
    return pendingActivities?.some(({ lastStartedTime }) => lastStartedTime)
  }
})
