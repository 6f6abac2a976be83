import { status as Grpc } from '@grpc/grpc-js'
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest'
import { RecordsUnavailable } from '../../store/records-unavailable.ts'
import { listed, message, newSession } from '../support/conversation.ts'
import { startTestHost, type TestHost } from '../support/host.ts'
import { until } from '../support/until.ts'

let host: TestHost
beforeAll(async () => {
  host = await startTestHost({ config: { session: { rollOverEvents: 50 } } })
})
afterEach(() => void vi.restoreAllMocks())
afterAll(() => host?.remove())

interface Unanswered {
  times?: number
  isTaken?: boolean
  code?: Grpc
}

/** The next signals are taken by Temporal, or are not, and whoever sent them gets no answer. */
function unanswered({ times = 1, isTaken = true, code = Grpc.DEADLINE_EXCEEDED }: Unanswered = {}) {
  const { workflowService } = host.holdfast.runtime.connection
  const signal = workflowService.signalWorkflowExecution.bind(workflowService)
  const spy = vi.spyOn(workflowService, 'signalWorkflowExecution')
  for (let time = 0; time < times; time++) {
    spy.mockImplementationOnce((async (request: never) => {
      if (isTaken) await signal(request)
      throw Object.assign(new Error('no answer'), { code, details: 'no answer', metadata: {} })
    }) as never)
  }
}

/** Sends as the official SDK does, which repeats what is answered with a 503. */
const send = (id: string, texts: string[], maxRetries = 2) =>
  host.client.withOptions({ maxRetries }).beta.sessions.events.send(id, { events: texts.map(message) })
const messages = async (id: string) => (await listed(host.client, id)).filter(({ type }) => type === 'user.message')

describe('a send that the official SDK repeats', () => {
  it.each([
    ['one event', ['#say one']],
    ['two events', ['#say one', '#say two']],
  ])('is taken once, whether Temporal had taken it or not: %s', async (_, texts) => {
    for (const isTaken of [true, false]) {
      const { id } = await newSession(host)
      unanswered({ times: 2, isTaken })
      const { data } = await send(id, texts)
      await host.holdfast.session(id).untilIdle()
      expect(await messages(id)).toMatchObject(data!.map(({ id }) => ({ id })))
      expect(data).toHaveLength(texts.length)
    }
  })

  it('is taken once when the session has gone on to another run', async () => {
    const { id } = await newSession(host)
    unanswered()
    await expect(send(id, ['#say one'], 0)).rejects.toMatchObject({ status: 503 })
    const session = host.holdfast.session(id)
    const { logs } = host.holdfast.runtime
    while ((await logs.get(id).newest()).run < 2) await session.run('#bash true\n#say on')
    const isOne = (event: object) => JSON.stringify(event).includes('#say one')
    const [first] = (await messages(id)).filter(isOne)
    const { data } = await host.holdfast.sessions.events.send(
      id,
      { events: [message('#say one')] },
      { isRepeated: true },
    )
    expect(data).toEqual([first])
    expect((await messages(id)).filter(isOne)).toEqual([first])
  })

  it('is taken once when Temporal had taken it, and the last attempt found it too busy', async () => {
    const { id } = await newSession(host)
    unanswered({ code: Grpc.RESOURCE_EXHAUSTED })
    await send(id, ['#say one'])
    await host.holdfast.session(id).untilIdle()
    expect(await messages(id)).toHaveLength(1)
  })

  it('is taken once when Temporal takes it after another try has failed for a reason of its own', async () => {
    const { id } = await newSession(host)
    const { connection, records } = host.holdfast.runtime
    const { workflowService } = connection
    const signal = workflowService.signalWorkflowExecution.bind(workflowService)
    let late: (() => Promise<unknown>) | undefined
    vi.spyOn(workflowService, 'signalWorkflowExecution').mockImplementationOnce((async (request: never) => {
      late = () => signal(request)
      throw Object.assign(new Error('no answer'), { code: Grpc.DEADLINE_EXCEEDED, details: '', metadata: {} })
    }) as never)
    await expect(send(id, ['#say one'], 0)).rejects.toMatchObject({ status: 503 })
    const { events } = host.holdfast.sessions
    const repeat = () => events.send(id, { events: [message('#say one')] }, { isRepeated: true })
    vi.spyOn(records.files, 'getMany').mockRejectedValueOnce(new RecordsUnavailable({ cause: undefined }))
    await expect(repeat()).rejects.toThrow('cannot be reached')
    await late!()
    await repeat()
    await host.holdfast.session(id).untilIdle()
    expect(await messages(id)).toHaveLength(1)
  })

  it('is not taken for one that said the same before, and whose sender gave up', async () => {
    const { id } = await newSession(host)
    unanswered()
    await expect(send(id, ['#say go on'], 0)).rejects.toMatchObject({ status: 503 })
    await until(async () => (await messages(id)).length === 1)
    await host.holdfast.session(id).untilIdle()
    unanswered({ isTaken: false })
    const { data } = await send(id, ['#say go on'])
    await host.holdfast.session(id).untilIdle()
    expect(await messages(id)).toHaveLength(2)
    expect((await messages(id)).at(-1)).toMatchObject({ id: data![0]!.id })
  })

  it('is another one when nobody says that it is repeated, and when the first came through', async () => {
    const { id } = await newSession(host)
    const { events } = host.holdfast.sessions
    const again = { events: [message('#say again')] }
    unanswered()
    await expect(events.send(id, again)).rejects.toThrow('no answer')
    await events.send(id, again)
    await host.holdfast.session(id).untilIdle()
    expect(await messages(id)).toHaveLength(2)
    await events.send(id, again, { isRepeated: true })
    await events.send(id, again, { isRepeated: true })
    await host.holdfast.session(id).untilIdle()
    expect(await messages(id)).toHaveLength(3)
  })
})
