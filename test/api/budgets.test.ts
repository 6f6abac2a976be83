import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest'
import { SessionWorkflow } from '../../client/session-workflow.ts'
import { stop } from '../../client/stop.ts'
import { converse, lastText, listed, message, newSession, typesOf } from '../support/conversation.ts'
import { startTestHost, type TestHost } from '../support/host.ts'
import { sdkRefusal as refusal } from '../support/sdk-refusal.ts'

let host: TestHost
beforeAll(async () => {
  // A dollar for each token of the reply: a few words cost more than the budgets here.
  const prices = { 'claude-opus-5': { input: 0.001, output: 1e6 } }
  host = await startTestHost({ config: { model: { prices, stallTimeoutMs: 1000 } } })
})
afterAll(() => host?.remove())

const limit = (amount: string) => ({ type: 'limit' as const, max_list_cost: { amount, currency: 'USD' as const } })
const capped = (amount = '100') =>
  host.client.beta.sessions.create({ agent: host.agent, environment_id: host.environment, budget: limit(amount) })
const stopOf = (events: Awaited<ReturnType<typeof converse>>) =>
  events.findLast((e) => e.type === 'session.status_idle')

describe('a session with a budget', () => {
  it('counts its cost at list price', async () => {
    const session = await capped('100000')
    expect(session.budget).toEqual(limit('100000'))
    const events = await converse(host.client, session.id, '#say done')
    const { usage, budget } = await host.client.beta.sessions.retrieve(session.id)
    expect(usage.list_cost).toEqual({ amount: String(usage.output_tokens! * 100), currency: 'USD' })
    expect(budget).toEqual(limit('100000'))
    expect(events.find((event) => event.type === 'session.usage')).toMatchObject({ usage, budget })
  })

  it('stops before the request that comes after the cap: the one in flight completes', async () => {
    const session = await capped()
    const before = host.model.requests.length
    const events = await converse(host.client, session.id, '#bash echo one\n#bash echo two\n#say done')
    expect(host.model.requests.length - before).toBe(1)
    expect(typesOf(events)).toContain('agent.tool_result')
    expect(typesOf(events).slice(-3)).toEqual(['session.thread_status_idle', 'session.usage', 'session.status_idle'])
    expect(stopOf(events)).toMatchObject({ stop_reason: { type: 'budget_reached' } })
    expect((await host.client.beta.sessions.retrieve(session.id)).status).toBe('idle')
  })

  it('stops before a failed request is repeated, when that one used the budget up', async () => {
    const session = await capped()
    const before = host.model.requests.length
    const events = await converse(host.client, session.id, '#fault silence\n#say done')
    expect(host.model.requests.length - before).toBe(1)
    expect(stopOf(events)).toMatchObject({ stop_reason: { type: 'budget_reached' } })
    const stream = await host.client.beta.sessions.events.stream(session.id)
    await host.client.beta.sessions.update(session.id, { budget: null })
    const later = []
    for await (const event of stream) {
      later.push(event)
      if (event.type === 'session.status_idle') break
    }
    expect(lastText(later)).toContain('done')
  })

  it('goes on by itself when the budget is raised, and when it is removed', async () => {
    for (const budget of [limit('10000000'), null]) {
      const session = await capped()
      await converse(host.client, session.id, '#bash echo one\n#say done')
      const stream = await host.client.beta.sessions.events.stream(session.id)
      const updated = await host.client.beta.sessions.update(session.id, { budget })
      expect(updated.budget).toEqual(budget)
      const events = []
      for await (const event of stream) {
        events.push(event)
        if (event.type === 'session.status_idle') break
      }
      expect(events[0]).toMatchObject({ type: 'session.updated', budget })
      expect(lastText(events)).toContain('done')
      expect(stopOf(events)).toMatchObject({ stop_reason: { type: 'end_turn' } })
    }
  })

  it('says how a turn ended that used it up, and that the session takes no more', async () => {
    const session = await capped()
    const events = await converse(host.client, session.id, '#say done')
    expect(events.find((event) => event.type === 'session.thread_status_idle')).toMatchObject({
      stop_reason: { type: 'end_turn' },
    })
    expect(stopOf(events)).toMatchObject({ stop_reason: { type: 'budget_reached' } })
  })

  it('takes answers and nothing else while it is used up; an interrupt is taken and not recorded', async () => {
    const session = await capped()
    await converse(host.client, session.id, '#say done')
    const before = await listed(host.client, session.id)
    const refused = await refusal(host.client.beta.sessions.events.send(session.id, { events: [message('more')] }))
    expect(refused.status).toBe(400)
    expect(refused.message).toContain(
      'user.tool_confirmation, user.tool_result, user.custom_tool_result, user.interrupt',
    )
    const { data } = await host.client.beta.sessions.events.send(session.id, { events: [{ type: 'user.interrupt' }] })
    expect(data).toMatchObject([{ type: 'user.interrupt' }])
    expect(await listed(host.client, session.id)).toEqual(before)
  })

  it('knows a repetition of what it took before it was used up', async () => {
    const session = await capped()
    const repeatable = { headers: { 'Idempotency-Key': 'once' } }
    const send = () => host.client.beta.sessions.events.send(session.id, { events: [message('#say done')] }, repeatable)
    const first = await send()
    await expect.poll(async () => typesOf(await listed(host.client, session.id))).toContain('session.status_idle')
    expect((await send()).data?.map(({ id }) => id)).toEqual(first.data?.map(({ id }) => id))
    expect(typesOf(await listed(host.client, session.id)).filter((type) => type === 'user.message')).toHaveLength(1)
  })

  it('leaves nothing behind to be waited for by who interrupts it when it is used up', async () => {
    const session = host.holdfast.session((await capped()).id)
    await session.send('#say done')
    await session.untilIdle()
    expect(await session.send({ type: 'user.interrupt' })).toMatchObject([{ type: 'user.interrupt' }])
    expect(await session.untilIdle({ timeoutMs: 10_000 })).toMatchObject({ stopReason: { type: 'budget_reached' } })
    await host.holdfast.sessions.update(session.id, { budget: null })
    expect(await session.run('#say more', { timeoutMs: 10_000 })).toContain('more')
  })

  it('is brought to rest also when it is used up meanwhile', async () => {
    const session = host.holdfast.session((await capped()).id)
    const log = host.holdfast.runtime.logs.get(session.id)
    const before = await log.newest()
    const old = { run: before.run, started: before.started, items: [], waiting: [] } as unknown as typeof before
    await session.send('#say done')
    await session.untilIdle()
    vi.spyOn(log, 'newest').mockResolvedValueOnce(old)
    await stop(host.holdfast, session.id, 'stop', AbortSignal.timeout(10_000))
  })

  it('gives each task its own answer, also when one ended with the last cent and is asked for again', async () => {
    const session = host.holdfast.session((await capped()).id)
    const task = (text: string) => session.run(`#say ${text}`, { idempotencyKey: text })
    const first = await task('one')
    await host.holdfast.sessions.update(session.id, { budget: null })
    expect(await task('two')).toContain('two')
    expect(first).toContain('one')
    expect(await task('one')).toBe(first)
  })

  it('keeps waiting for the client first', async () => {
    const agent = await host.client.beta.agents.create({
      name: 'asks',
      model: 'claude-opus-5',
      tools: [
        {
          type: 'agent_toolset_20260401',
          default_config: { permission_policy: { type: 'always_ask' }, enabled: true },
        },
      ],
    })
    const session = await host.client.beta.sessions.create({
      agent: agent.id,
      environment_id: host.environment,
      budget: limit('100'),
    })
    const events = await converse(host.client, session.id, '#bash echo one\n#say done')
    expect(stopOf(events)).toMatchObject({ stop_reason: { type: 'requires_action' } })
    const use = events.find((event) => event.type === 'agent.tool_use')!
    const answered = await converse(host.client, session.id, [
      { type: 'user.tool_confirmation', tool_use_id: use.id, result: 'allow' },
    ])
    expect(typesOf(answered)).toContain('agent.tool_result')
    expect(stopOf(answered)).toMatchObject({ stop_reason: { type: 'budget_reached' } })
  })
})

describe("a budget's change that was stored, and of which the session was not told", () => {
  const lost = new Error('Temporal is away')
  const changes = async (id: string) =>
    (await listed(host.client, id)).filter((event) => event.type === 'session.updated').length

  for (const [how, budget] of [
    ['raise', limit('10000000')],
    ['removal', null],
  ] as const) {
    it(`reaches it with the repetition, once (${how})`, async () => {
      const { sessions } = host.holdfast
      const session = host.holdfast.session((await capped()).id)
      await session.send('#bash echo one\n#say done')
      expect(await session.untilIdle()).toMatchObject({ stopReason: { type: 'budget_reached' } })
      vi.spyOn(SessionWorkflow.prototype, 'command').mockRejectedValueOnce(lost)
      await expect(sessions.update(session.id, { budget })).rejects.toBe(lost)
      expect(await sessions.update(session.id, { budget })).toMatchObject({ budget })
      await expect.poll(() => changes(session.id)).toBe(1)
      expect(await session.untilIdle()).toMatchObject({ stopReason: { type: 'end_turn' } })
      await sessions.update(session.id, { budget })
      await session.run('#say more')
      expect(await changes(session.id)).toBe(1)
    })
  }

  it('reaches it also before the budget is used up', async () => {
    const { sessions } = host.holdfast
    const session = host.holdfast.session((await capped()).id)
    vi.spyOn(SessionWorkflow.prototype, 'command').mockRejectedValueOnce(lost)
    await expect(sessions.update(session.id, { budget: null })).rejects.toBe(lost)
    await sessions.update(session.id, { budget: null })
    await expect.poll(() => changes(session.id)).toBe(1)
    await session.send('#bash echo one\n#say done')
    expect(await session.untilIdle()).toMatchObject({ stopReason: { type: 'end_turn' } })
  })
})

describe('a budget that cannot be had', () => {
  it('is refused with the code that the API gives', async () => {
    const { client, agent, environment } = host
    const create = (budget: never) =>
      refusal(client.beta.sessions.create({ agent, environment_id: environment, budget }))
    expect((await create({ type: 'limit', max_list_cost: { amount: '0', currency: 'USD' } } as never)).status).toBe(400)
    expect((await create({ type: 'limit', max_list_cost: { amount: '10', currency: 'EUR' } } as never)).status).toBe(
      400,
    )
    const unpriced = await client.beta.agents.create({ name: 'x', model: 'some-local-model' })
    const noPrice = await refusal(
      client.beta.sessions.create({ agent: unpriced.id, environment_id: environment, budget: limit('10') }),
    )
    expect(noPrice.code).toBe('model_not_budgetable')
    const plain = await newSession(host)
    expect((await refusal(client.beta.sessions.update(plain.id, { budget: limit('10') }))).code).toBe(
      'budget_create_only',
    )
    const session = await capped()
    await converse(client, session.id, '#say done')
    expect((await refusal(client.beta.sessions.update(session.id, { budget: limit('100') }))).code).toBe(
      'budget_not_raised',
    )
    expect((await client.beta.sessions.retrieve(session.id)).budget).toEqual(limit('100'))
  })
})
