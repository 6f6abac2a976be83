import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { converse, lastText, listed, message, newSession, typesOf } from '../support/conversation.ts'
import { startTestHost, type TestHost } from '../support/host.ts'

let host: TestHost
beforeAll(async () => {
  host = await startTestHost({ config: { session: { modelAttempts: 3 }, model: { stallTimeoutMs: 400 } } })
})
afterAll(() => host?.remove())

type Events = Awaited<ReturnType<typeof converse>>
const errors = (events: Events) => events.filter((event) => event.type === 'session.error').map(({ error }) => error)

describe('a passing failure of the model', () => {
  for (const [fault, type] of [
    ['429 retry-after=0', 'model_rate_limited_error'],
    ['529', 'model_overloaded_error'],
    ['500', 'model_request_failed_error'],
    ['cut', 'model_request_failed_error'],
    ['silence', 'model_request_failed_error'],
    ['reset', 'model_request_failed_error'],
  ] as const) {
    it(`(${fault}) is the status rescheduling, then the answer comes`, async () => {
      const session = await newSession(host)
      const events = await converse(host.client, session.id, `#fault ${fault}\n#say answered`)
      expect(errors(events)).toMatchObject([{ type, retry_status: { type: 'retrying' } }])
      const shown = typesOf(events)
      const rescheduled = shown.indexOf('session.status_rescheduled')
      expect(shown.indexOf('session.error')).toBeLessThan(rescheduled)
      expect(shown.indexOf('session.status_running', rescheduled)).toBeGreaterThan(rescheduled)
      expect(lastText(events)).toContain('answered')
      expect(events.filter((event) => event.type === 'agent.message')).toHaveLength(1)
    })
  }

  it.each(['silence', '529'])('(%s) is in the accounts with what it had cost', async (fault) => {
    const session = await newSession(host)
    const events = await converse(host.client, session.id, `#fault ${fault}\n#say accounted`)
    const [failed, answered] = events.flatMap((event) => (event.type === 'span.model_request_end' ? [event] : []))
    expect([failed!.is_error, answered!.is_error]).toEqual([true, false])
    const input = ({ model_usage }: NonNullable<typeof failed>) =>
      model_usage.input_tokens + model_usage.cache_creation_input_tokens + model_usage.cache_read_input_tokens
    // The other one ends behind the first event of the reply, which says how long the prompt was.
    if (fault === '529') expect(input(failed!)).toBe(0)
    else expect(input(failed!)).toBe(input(answered!))
    const { usage } = await host.client.beta.sessions.retrieve(session.id)
    for (const kind of ['input_tokens', 'output_tokens', 'cache_read_input_tokens'] as const) {
      expect(usage[kind]).toBe(failed!.model_usage[kind] + answered!.model_usage[kind])
    }
  })

  it('waits as long as the server asks', async () => {
    const session = await newSession(host)
    const events = await converse(host.client, session.id, '#fault 429 retry-after=1\n#say answered')
    const at = (type: string) =>
      Date.parse(events.findLast((event) => event.type === type && 'processed_at' in event)!['processed_at' as never])
    expect(at('session.status_running') - at('session.status_rescheduled')).toBeGreaterThanOrEqual(1000)
  })

  it('ends in retries_exhausted when it does not pass; what waited is flushed, the session takes the next message', async () => {
    const session = await newSession(host)
    let sent = false
    const events = await converse(host.client, session.id, '#fault 529 times=99\n#say never', {
      onEvent: async (event) => {
        if (event.type !== 'session.status_rescheduled' || sent) return
        sent = true
        await host.client.beta.sessions.events.send(session.id, { events: [message('#say flushed')] })
      },
    })
    expect(errors(events).map((error) => error.retry_status.type)).toEqual(['retrying', 'retrying', 'exhausted'])
    expect(events.at(-1)).toMatchObject({ stop_reason: { type: 'retries_exhausted' } })
    const all = await listed(host.client, session.id)
    expect(JSON.stringify(all)).toContain('#say flushed')
    expect(all.filter((event) => event.type === 'agent.message')).toEqual([])
    expect(lastText(await converse(host.client, session.id, '#say next'))).toContain('next')
  })

  it('ends at once by an interrupt', async () => {
    const session = await newSession(host)
    const events = await converse(host.client, session.id, '#fault 429 retry-after=600\n#say never', {
      onEvent: (event) =>
        event.type === 'session.status_rescheduled' &&
        host.client.beta.sessions.events.send(session.id, { events: [{ type: 'user.interrupt' }] }),
    })
    expect(events.at(-1)).toMatchObject({ stop_reason: { type: 'end_turn' } })
  })
})

describe('a lasting failure of the model', () => {
  it('says what to do about a refused key, without the key', async () => {
    const session = await newSession(host)
    const events = await converse(host.client, session.id, '#fault 401\n#say never')
    expect(errors(events)).toMatchObject([{ type: 'model_request_failed_error', retry_status: { type: 'exhausted' } }])
    expect(errors(events)[0]!.message).toContain('ANTHROPIC_API_KEY')
    expect(JSON.stringify(events)).not.toContain('scripted-key-of-the-tests')
    expect(lastText(await converse(host.client, session.id, '#say next'))).toContain('next')
  })

  it('of a message that the model refuses does not spoil the session: the next turn goes without that message', async () => {
    const session = await newSession(host)
    await converse(host.client, session.id, '#say first')
    const events = await converse(host.client, session.id, '#fault 400 times=99\n#say never')
    expect(errors(events)).toMatchObject([{ retry_status: { type: 'exhausted' } }])
    expect(lastText(await converse(host.client, session.id, '#say next'))).toContain('next')
    const { messages } = host.model.requests.at(-1)!.body
    expect(JSON.stringify(messages)).toContain('first')
    expect(JSON.stringify(messages)).not.toContain('never')
    expect(JSON.stringify(await listed(host.client, session.id))).toContain('never')
  })

  it('of a tool result that the model refuses does not spoil the session: the next turn goes without that result', async () => {
    const session = await newSession(host)
    const events = await converse(host.client, session.id, '#bash echo spoilt\n#fault 400 times=99\n#say never')
    expect(typesOf(events)).toContain('agent.tool_result')
    expect(errors(events)).toMatchObject([{ retry_status: { type: 'exhausted' } }])
    expect(lastText(await converse(host.client, session.id, '#say next'))).toContain('next')
    const { messages } = host.model.requests.at(-1)!.body
    expect(JSON.stringify(messages[2])).toMatch(/tool_result.*its result is missing here/)
    expect(JSON.stringify(messages[2])).not.toContain('spoilt')
  })

  it('is not tried again', async () => {
    const session = await newSession(host)
    const before = host.model.requests.length
    await converse(host.client, session.id, '#fault 400\n#say never')
    expect(host.model.requests.length - before).toBe(1)
  })
})

describe('a refusal', () => {
  it('is the stop reason, with its details', async () => {
    const session = await newSession(host)
    const events = await converse(host.client, session.id, '#refuse')
    expect(events.at(-1)).toMatchObject({ stop_reason: { type: 'refusal' }, stop_details: { type: 'refusal' } })
  })
})

describe('a reply that the Messages API would not take back', () => {
  it.each([
    ['half of a surrogate pair in a call', '#tool bash {"command": "echo \\ud800"}\n#say whole'],
    ['half of a surrogate pair in a name', '#tool bash {"command": "echo a", "\\udc00": 1}\n#say whole'],
    ['a thought and a blank text', '#think hm\n#text'],
  ])('(%s) is mended: the session goes on', async (_, script) => {
    const session = await newSession(host)
    const events = await converse(host.client, session.id, script)
    expect(errors(events)).toEqual([])
    expect(events.at(-1)).toMatchObject({ stop_reason: { type: 'end_turn' } })
    expect(lastText(await converse(host.client, session.id, '#say next'))).toContain('next')
  })

  it.each([
    ['a tool that cannot be', '#tool ba!sh {}'],
    ['an input that is no object', '#tool bash ["ls"]'],
  ])('(%s) is asked for again, and leaves the session as it was', async (_, script) => {
    const session = await newSession(host)
    const events = await converse(host.client, session.id, script)
    expect(errors(events).map((error) => error.retry_status.type)).toEqual(['retrying', 'retrying', 'exhausted'])
    expect(events.at(-1)).toMatchObject({ stop_reason: { type: 'retries_exhausted' } })
    const next = await converse(host.client, session.id, '#say next')
    expect(errors(next)).toEqual([])
    expect(lastText(next)).toContain('next')
  })
})
