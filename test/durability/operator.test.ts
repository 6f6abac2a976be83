import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { converse, lastText, listed, message, newSession, typesOf } from '../support/conversation.ts'
import { startTestHost, type TestHost } from '../support/host.ts'
import { until } from '../support/until.ts'

let host: TestHost
beforeAll(async () => {
  host = await startTestHost()
})
afterAll(() => host?.remove())

const temporal = () => host.holdfast.runtime.connection.workflowService
const execution = (workflowId: string) => ({ namespace: host.temporal.namespace, workflowExecution: { workflowId } })

/** A session whose workflow an operator terminates in the middle of a tool call; the events that its stream had. */
async function terminatedSession() {
  const session = await newSession(host)
  const events = await converse(host.client, session.id, '#bash sleep 300', {
    until: (event) => event.type === 'session.status_terminated',
    onEvent: async (event) => {
      if (event.type !== 'agent.tool_use') return
      await temporal().terminateWorkflowExecution({ ...execution(session.id), reason: 'it costs too much' })
    },
  })
  return { id: session.id, events }
}

describe('a session whose workflow an operator terminates', () => {
  it('says so on the stream, in the list and when it is retrieved, and takes no more events', async () => {
    const { id, events } = await terminatedSession()
    const [error, terminated] = events.slice(-2)
    expect(error).toMatchObject({ type: 'session.error', error: { retry_status: { type: 'terminal' } } })
    expect(JSON.stringify(error)).toContain('it costs too much')
    const list = await listed(host.client, id)
    expect(list.slice(-2)).toEqual([error, terminated])

    expect(await host.client.beta.sessions.retrieve(id)).toMatchObject({ status: 'terminated', archived_at: null })
    await expect(host.client.beta.sessions.events.send(id, { events: [message('#say more')] })).rejects.toMatchObject({
      status: 409,
    })
  })

  it('can be archived, and is readable when Temporal has forgotten it', async () => {
    const { id } = await terminatedSession()
    const before = await listed(host.client, id)
    expect(await host.client.beta.sessions.archive(id)).toMatchObject({ status: 'terminated' })

    const { namespace, workflowExecution } = execution(id)
    await temporal().deleteWorkflowExecution({ namespace, workflowExecution })
    await until(() =>
      temporal()
        .describeWorkflowExecution({ namespace, execution: workflowExecution })
        .then(
          () => false,
          () => true,
        ),
    )
    host.holdfast.runtime.logs.get(id).tail.gone = true
    expect(await listed(host.client, id)).toEqual(before)
    expect(await host.client.beta.sessions.retrieve(id)).toMatchObject({ status: 'terminated' })
  })

  it('is terminated also when nobody archived it and Temporal has forgotten it', async () => {
    const { id } = await terminatedSession()
    await host.client.beta.sessions.retrieve(id)
    const { namespace, workflowExecution } = execution(id)
    await temporal().deleteWorkflowExecution({ namespace, workflowExecution })
    const view = await until(async () => {
      const known = await temporal()
        .describeWorkflowExecution({ namespace, execution: workflowExecution })
        .catch(() => undefined)
      return known === undefined && host.client.beta.sessions.retrieve(id)
    })
    expect(view).toMatchObject({ id, status: 'terminated' })
  })
})

describe('a session whose workflow an operator resets', () => {
  it('goes on from there: its log is the new one, says what happened, and takes messages', async () => {
    const session = await newSession(host)
    await converse(host.client, session.id, '#say first')
    const { namespace } = host.temporal
    const { history } = await temporal().getWorkflowExecutionHistory({
      namespace,
      execution: { workflowId: session.id },
    })
    const done = (history?.events ?? []).filter((event) => event.workflowTaskCompletedEventAttributes)
    await converse(host.client, session.id, '#say second')
    await temporal().resetWorkflowExecution({
      ...execution(session.id),
      reason: 'by hand',
      requestId: 'reset-1',
      workflowTaskFinishEventId: done.at(-1)!.eventId,
    })
    const events = await until(async () => {
      const list = await listed(host.client, session.id)
      const answered = typesOf(list).at(-1) === 'session.status_idle' && lastText(list).includes('second')
      return answered && typesOf(list).includes('session.error') && list
    })
    expect(JSON.stringify(events)).toContain('an operator reset the session')
    expect(lastText(await converse(host.client, session.id, '#say third'))).toContain('third')
    expect(await host.client.beta.sessions.retrieve(session.id)).toMatchObject({ status: 'idle' })
    expect(host.model.requests.filter(({ refused }) => refused)).toEqual([])
  })
})
