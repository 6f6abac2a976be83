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

/** The last task of the session's newest run that was completed. */
async function newestTask(workflowId: string) {
  const { namespace } = host.temporal
  const { history } = await temporal().getWorkflowExecutionHistory({ namespace, execution: { workflowId } })
  return history?.events?.findLast((event) => event.workflowTaskCompletedEventAttributes)?.eventId
}

async function reset(id: string, workflowTaskFinishEventId: Awaited<ReturnType<typeof newestTask>>): Promise<void> {
  const request = { reason: 'by hand', requestId: crypto.randomUUID(), workflowTaskFinishEventId }
  await temporal().resetWorkflowExecution({ ...execution(id), ...request })
}

/** Has the agent of a session that was just reset say something: it may become idle before that as well. */
async function say(id: string, text: string, before: { type: 'user.interrupt' }[] = []): Promise<void> {
  let answered = false
  await converse(host.client, id, [...before, message(`#say ${text}`)], {
    onEvent: (event) => {
      answered ||= event.type === 'agent.message' && JSON.stringify(event).includes(text)
    },
    until: (event) => answered && event.type === 'session.status_idle',
  })
}

/** Has Temporal forget the session, and this process that it read it. */
async function forget(id: string): Promise<void> {
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

    await forget(id)
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

/** Where the session is when its workflow is cancelled: what it is sent, and the event after which that is. */
const cancelledWhen = {
  'at rest': ['#say hello', 'session.status_idle'],
  'in the middle of a tool call': ['#bash sleep 300', 'agent.tool_use'],
  'in the middle of a model request': ['#wait 300000\n#say late', 'span.model_request_start'],
  'while it waits before a retry': ['#fault 529 retry-after=300\n#say late', 'session.status_rescheduled'],
} as const

describe('a session whose workflow an operator cancels', () => {
  const cancel = (id: string) =>
    temporal().requestCancelWorkflowExecution({ ...execution(id), reason: 'enough of it', requestId: id })

  it.each(Object.entries(cancelledWhen))('is terminated: %s', async (_when, [input, at]) => {
    const { id } = await newSession(host)
    const events = await converse(host.client, id, input, {
      until: ({ type }) => type === 'session.status_terminated',
      onEvent: ({ type }) => type === at && cancel(id),
    })
    expect(events.at(-2)).toMatchObject({ type: 'session.error', error: { retry_status: { type: 'terminal' } } })
    expect((await listed(host.client, id)).slice(-2)).toEqual(events.slice(-2))
    expect(await host.client.beta.sessions.retrieve(id)).toMatchObject({ status: 'terminated' })
    await expect(host.client.beta.sessions.events.send(id, { events: [message('#say more')] })).rejects.toMatchObject({
      status: 409,
    })
    const { history } = await temporal().getWorkflowExecutionHistory({
      namespace: host.temporal.namespace,
      execution: { workflowId: id },
    })
    expect(history?.events?.filter((event) => event.workflowTaskFailedEventAttributes)).toEqual([])
  })

  it('is terminated when a message comes with the cancellation, and the other sessions go on', async () => {
    const [one, other] = await Promise.all([newSession(host), newSession(host)])
    await converse(host.client, one.id, '#say hello')
    const events = await converse(host.client, one.id, '#say again', {
      until: ({ type }) => type === 'session.status_terminated',
      // The first that is seen of it: the message is received, and not yet taken.
      onEvent: ({ type }) => type === 'user.message' && cancel(one.id),
    })
    expect(typesOf(events).at(-1)).toBe('session.status_terminated')
    expect(lastText(await converse(host.client, other.id, '#say still here'))).toContain('still here')
  })
})

describe('a session whose workflow an operator resets', () => {
  it('goes on from there: its log is the new one, says what happened, and takes messages', async () => {
    const session = await newSession(host)
    await converse(host.client, session.id, '#say first')
    const place = await newestTask(session.id)
    await converse(host.client, session.id, '#say second')
    await reset(session.id, place)
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

describe('a session that is reset after it was terminated', () => {
  it('goes on for those who saw its end, and is kept whole when it is archived', async () => {
    const { id } = await terminatedSession()
    await reset(id, await newestTask(id))
    await say(id, 'back', [{ type: 'user.interrupt' }])
    expect(typesOf(await listed(host.client, id)).at(-1)).toBe('session.status_idle')
    await host.client.beta.sessions.archive(id)
    await until(async () => (await host.holdfast.runtime.logs.get(id).newest()).closed)
    const before = await listed(host.client, id)
    await forget(id)
    expect(lastText(await listed(host.client, id))).toContain('back')
    expect(await listed(host.client, id)).toEqual(before)
  })

  it('keeps what came after that when it is terminated once more', async () => {
    const session = await newSession(host)
    await converse(host.client, session.id, '#say first')
    const end = () => temporal().terminateWorkflowExecution({ ...execution(session.id), reason: 'it costs too much' })
    await end()
    expect(await host.client.beta.sessions.retrieve(session.id)).toMatchObject({ status: 'terminated' })
    await reset(session.id, await newestTask(session.id))
    await say(session.id, 'second')
    await end()
    expect(await host.client.beta.sessions.retrieve(session.id)).toMatchObject({ status: 'terminated' })
    await forget(session.id)
    const events = await listed(host.client, session.id)
    expect(lastText(events)).toContain('second')
    expect(typesOf(events).at(-1)).toBe('session.status_terminated')
  })
})
