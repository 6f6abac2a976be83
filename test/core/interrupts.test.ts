import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest'
import { type LocalBus, monotonicMs } from '../../log/bus.ts'
import type { Fact } from '../../log/facts.ts'
import { converse, lastText, listed, message, newSession, typesOf } from '../support/conversation.ts'
import { startTestHost, type TestHost } from '../support/host.ts'
import { until } from '../support/until.ts'

let host: TestHost
beforeAll(async () => {
  host = await startTestHost({ config: { worker: { standby: false } } })
})
afterAll(() => host?.remove())

const interrupt = { type: 'user.interrupt' as const }
const factsOf = (id: string) =>
  host.holdfast.runtime.logs
    .get(id)
    .newest()
    .then((view) => view.facts)
const isInterrupt = (fact: Fact) => fact.kind === 'delivered' && fact.events.some(({ type }) => type === interrupt.type)

describe('an interrupt that the workflow sees together with the failure of its model request', () => {
  it('ends the turn: no retry, no further request', async () => {
    const session = await newSession(host)
    const pid = host.workerPids[0]!
    const events = await converse(host.client, session.id, '#wait 60000\n#say never', {
      onEvent: async (event) => {
        if (event.type !== 'span.model_request_start') return
        await until(() => host.model.requests.length > 0)
        // The worker hears of neither until both have happened.
        process.kill(pid, 'SIGSTOP')
        await host.client.beta.sessions.events.send(session.id, { events: [interrupt] })
        await until(async () => (await factsOf(session.id)).some((fact) => fact.kind === 'failed'))
        process.kill(pid, 'SIGCONT')
      },
    })
    expect(events.at(-1)).toMatchObject({ stop_reason: { type: 'end_turn' } })
    expect(typesOf(events).filter((type) => type === 'span.model_request_start')).toHaveLength(1)
    expect(lastText(await converse(host.client, session.id, '#say next'))).toContain('next')
  })
})

describe('an interrupt that comes with the answer to a custom tool', () => {
  it('leaves the tool use with that one result', async () => {
    const agent = await host.client.beta.agents.create({
      name: 'Asks',
      model: 'claude-opus-5',
      tools: [{ type: 'custom', name: 'weather', description: 'The weather.', input_schema: { type: 'object' } }],
    })
    const session = await host.client.beta.sessions.create({ agent: agent.id, environment_id: host.environment })
    const asked = await converse(host.client, session.id, '#tool weather {}\n#say never')
    const { id } = asked.find((event) => event.type === 'agent.custom_tool_use')!
    await converse(host.client, session.id, [
      { type: 'user.custom_tool_result', custom_tool_use_id: id, content: [{ type: 'text', text: 'snow' }] },
      interrupt,
    ])
    const results = (await listed(host.client, session.id)).filter(
      (event) =>
        (event.type === 'user.custom_tool_result' && event.custom_tool_use_id === id) ||
        (event.type === 'agent.tool_result' && event.tool_use_id === id),
    )
    expect(typesOf(results)).toEqual(['user.custom_tool_result'])
  })
})

describe('an interrupt during the wait before a retry', () => {
  it('ends the wait at once', async () => {
    const session = await newSession(host)
    const events = await converse(host.client, session.id, '#fault 529 retry-after=600\n#say never', {
      onEvent: (event) =>
        event.type === 'session.status_rescheduled' &&
        host.client.beta.sessions.events.send(session.id, { events: [interrupt, interrupt] }),
    })
    expect(events.at(-1)).toMatchObject({ stop_reason: { type: 'end_turn' } })
  })
})

describe('word of an interrupt to the workers of the machine', () => {
  it('is given for what the log has, and not for what may be a repetition', async () => {
    const bus = host.holdfast.runtime.bus as LocalBus
    const tellWorkers = bus.onInterrupted
    const words: { sessionId: string; begun: boolean }[] = []
    const began = monotonicMs()
    bus.onInterrupted = (sessionId, sentAt) => {
      words.push({ sessionId, begun: began < sentAt && sentAt < monotonicMs() })
      tellWorkers?.(sessionId, sentAt)
    }
    onTestFinished(() => {
      bus.onInterrupted = tellWorkers
    })
    const session = await newSession(host)
    const { events } = host.client.beta.sessions
    await events.send(session.id, { events: [message('#say hello')] })
    await events.send(session.id, { events: [interrupt] }, { headers: { 'Idempotency-Key': 'once' } })
    expect(words).toEqual([])
    await events.send(session.id, { events: [interrupt] })
    await expect(events.send('sesn_unknown', { events: [interrupt] })).rejects.toThrow(/404/)
    expect(words).toEqual([{ sessionId: session.id, begun: true }])
    // Temporal has what it accepted, and shows it when the task that is under way has ended.
    await until(async () => (await factsOf(session.id)).filter(isInterrupt).length === 2)
  })
})
