import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest'
import type { Session } from '../../client/session.ts'
import { SessionWorkflow } from '../../client/session-workflow.ts'
import type { EventParamsInput } from '../../protocol/events.ts'
import { listed, message } from '../support/conversation.ts'
import { startTestHost, type TestHost } from '../support/host.ts'
import { refusal } from '../support/refusal.ts'
import { sdkRefusal } from '../support/sdk-refusal.ts'
import { until } from '../support/until.ts'

let host: TestHost
beforeAll(async () => {
  host = await startTestHost({ config: { session: { rollOverEvents: 50 } } })
})
afterAll(() => host?.remove())

const newHandle = async () => {
  const { id } = await host.holdfast.sessions.create({ agent: host.agent, environment_id: host.environment })
  return host.holdfast.session(id)
}
const sent = async ({ id }: Session) =>
  (await listed(host.client, id)).filter(({ type }) => type === 'user.message' || type === 'user.interrupt')

async function rollOver(session: Session) {
  const { logs } = host.holdfast.runtime
  const { run } = await logs.get(session.id).newest()
  while ((await logs.get(session.id).newest()).run === run) await session.run('#bash true\n#say on')
}

const reused = { status: 409, type: 'conflict_error', code: 'idempotency_key_reused', shouldRetry: false }
const key = { idempotencyKey: 'key' }

describe('a key used again with the same events', () => {
  it('gives them as the log has them, also when the session has rolled over', async () => {
    const session = await newHandle()
    const events = [message('#say one'), message('#say two')]
    const first = await session.send(events, key)
    await session.untilIdle()
    const taken = (await sent(session)) as unknown[]
    expect(taken).toMatchObject(first.map(({ id }) => ({ id })))
    expect(await session.send(events, key)).toEqual(taken)
    await rollOver(session)
    await rollOver(session)
    expect(await session.send(events, key)).toEqual(taken)
    await session.archive()
    expect(await session.send(events, key)).toEqual(taken)
  })

  it('gives what waits as waiting', async () => {
    const session = await newHandle()
    await session.send('#wait 60000\n#say never')
    await until(async () =>
      (await listed(host.client, session.id)).some(({ type }) => type === 'span.model_request_start'),
    )
    const first = await session.send('#say later', key)
    expect(first).toMatchObject([{ processed_at: null }])
    expect(await session.send('#say later', key)).toEqual(first)
    await session.interrupt()
  })
})

describe('a key used again with other events', () => {
  const others: [string, EventParamsInput[]][] = [
    ['another text', [message('#say three'), message('#say two')]],
    ['fewer', [message('#say one')]],
    ['more', [message('#say one'), message('#say two'), message('#say three')]],
    ['another kind', [{ type: 'user.interrupt' }]],
    ['another order', [message('#say two'), message('#say one')]],
  ]

  it('is a conflict, also when the session has rolled over and when it is archived, and nothing is sent', async () => {
    const session = await newHandle()
    await session.send([message('#say one'), message('#say two')], key)
    const refuses = async () => {
      for (const [, events] of others) expect(await refusal(() => session.send(events, key))).toMatchObject(reused)
    }
    await refuses()
    await session.untilIdle()
    expect(await sent(session)).toHaveLength(2)
    await rollOver(session)
    const before = await sent(session)
    await refuses()
    await session.untilIdle()
    expect(await sent(session)).toEqual(before)
    await session.archive()
    await refuses()
  })

  it('is a conflict over HTTP, which says not to try again', async () => {
    const session = await newHandle()
    const send = (text: string) =>
      host.client.beta.sessions.events.send(
        session.id,
        { events: [message(text)] },
        { headers: { 'Idempotency-Key': 'a' } },
      )
    await send('#say one')
    expect(await sdkRefusal(send('#say two'))).toMatchObject({ status: 409, code: 'idempotency_key_reused' })
  })

  it('is a conflict for all but one of those that come at once', async () => {
    const session = await newHandle()
    for (let round = 0; round < 10; round++) {
      const tries = [1, 2, 3, 4].map((count) =>
        Array.from({ length: count }, (_, index) => message(`#say ${round} ${count} ${index}`)),
      )
      const results = await Promise.allSettled(
        tries.map((events) => session.send(events, { idempotencyKey: `round ${round}` })),
      )
      const won = results.flatMap((result) => (result.status === 'fulfilled' ? [result.value] : []))
      expect(won).toHaveLength(1)
      for (const result of results) if (result.status === 'rejected') expect(result.reason).toMatchObject(reused)
      const texts = (await sent(session)).filter((event) => JSON.stringify(event).includes(`#say ${round} `))
      expect(texts.map(({ id }) => id)).toEqual(won[0]!.map(({ id }) => id))
    }
    await session.untilIdle()
  })

  it('sends no part of them when the session rolls over between the look and the sending', async () => {
    const session = await newHandle()
    const deliver = SessionWorkflow.prototype.deliver
    const late = vi.spyOn(SessionWorkflow.prototype, 'deliver').mockImplementationOnce(async function (
      this: SessionWorkflow,
      ...delivery
    ) {
      await session.send('#say one', key)
      await rollOver(session)
      return deliver.apply(this, delivery)
    })
    const two = [message('#say one'), message('#say two')]
    expect(await refusal(() => session.send(two, key))).toMatchObject(reused)
    late.mockRestore()
    await session.untilIdle()
    expect((await sent(session)).filter((event) => JSON.stringify(event).includes('#say two'))).toEqual([])
  })
})

describe('an empty key of the library', () => {
  it('is none', async () => {
    const params = { agent: host.agent, environment_id: host.environment }
    const empty = { idempotencyKey: '' }
    const first = await host.holdfast.sessions.create(params, empty)
    expect((await host.holdfast.sessions.create(params, empty)).id).not.toBe(first.id)
    const session = host.holdfast.session(first.id)
    const [one] = await session.send('#say one', empty)
    const [two] = await session.send('#say one', empty)
    expect(two!.id).not.toBe(one!.id)
    const { data } = await host.holdfast.sessions.events.send(first.id, { events: [message('#say one')] }, empty)
    expect([one!.id, two!.id]).not.toContain(data[0]!.id)
    expect(await session.run('#say last', empty)).toContain('last')
  })
})

describe('a key of more than 255 characters', () => {
  it('is refused by the library, too', async () => {
    const session = await newHandle()
    const long = { idempotencyKey: 'k'.repeat(256) }
    const params = { agent: host.agent, environment_id: host.environment }
    for (const call of [
      () => host.holdfast.sessions.create(params, long),
      () => host.holdfast.sessions.events.send(session.id, { events: [message('#say one')] }, long),
      () => session.send('#say one', long),
      () => session.run('#say one', long),
    ])
      expect(await refusal(call)).toMatchObject({ status: 400 })
    expect(await sent(session)).toEqual([])
    expect(await session.run('#say one', { idempotencyKey: 'k'.repeat(255) })).toContain('one')
  })
})
