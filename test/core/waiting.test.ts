import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { keyedId } from '../../client/received-events.ts'
import { SessionWorkflow } from '../../client/session-workflow.ts'
import { primaryThreadId } from '../../protocol/ids.ts'
import { converse, listed, message, typesOf } from '../support/conversation.ts'
import { startTestHost, type TestHost } from '../support/host.ts'
import { sdkRefusal } from '../support/sdk-refusal.ts'
import { until } from '../support/until.ts'

let host: TestHost
let agent: string
beforeAll(async () => {
  host = await startTestHost({ config: { session: { rollOverEvents: 50 } } })
  const created = await host.client.beta.agents.create({
    name: 'Asks',
    model: 'claude-opus-5',
    tools: [
      { type: 'agent_toolset_20260401' },
      { type: 'custom', name: 'weather', description: 'The weather.', input_schema: { type: 'object' } },
    ],
  })
  agent = created.id
})
afterAll(() => host?.remove())

const create = async () => {
  const { id } = await host.holdfast.sessions.create({ agent, environment_id: host.environment })
  return host.holdfast.session(id)
}
const answer = (id: string) => ({
  type: 'user.custom_tool_result' as const,
  custom_tool_use_id: id,
  content: [{ type: 'text' as const, text: 'snow' }],
})

/** A session that waits for the answer to a custom tool. */
async function blocked() {
  const handle = await create()
  const asked = await converse(host.client, handle.id, '#tool weather {}\n#say {{last}}')
  return { handle, toolUse: asked.find((event) => event.type === 'agent.custom_tool_use')!.id }
}

describe('a system message behind the answer to a tool', () => {
  it('goes into the same turn, and leaves nothing waiting', async () => {
    const { handle, toolUse } = await blocked()
    await handle.send([answer(toolUse), { type: 'system.message', content: [{ type: 'text', text: 'Be brief.' }] }])
    expect(await handle.untilIdle({ timeoutMs: 10_000 })).toMatchObject({ stopReason: { type: 'end_turn' } })
    const types = typesOf(await listed(host.client, handle.id))
    expect(types.indexOf('system.message')).toBe(types.indexOf('user.custom_tool_result') + 1)
    expect(host.model.requests.filter((request) => request.refused)).toEqual([])
  })
})

describe('a system message behind a message, while an answer is missing', () => {
  it('is refused, and nothing of the request is taken', async () => {
    const { handle } = await blocked()
    const system = { type: 'system.message' as const, content: [{ type: 'text' as const, text: 'Be brief.' }] }
    const events = [message('#say later'), system]
    const before = await listed(host.client, handle.id)
    expect(await sdkRefusal(host.client.beta.sessions.events.send(handle.id, { events }))).toMatchObject({
      status: 400,
    })
    expect(await listed(host.client, handle.id)).toEqual(before)
  })
})

describe('untilIdle', () => {
  it('tells of the answer that is missing, though messages wait behind it', async () => {
    const { handle, toolUse } = await blocked()
    await handle.send('#say later')
    expect(await handle.untilIdle({ timeoutMs: 10_000 })).toEqual({
      status: 'idle',
      stopReason: { type: 'requires_action', event_ids: [toolUse] },
    })
    await handle.send(answer(toolUse))
    expect(await handle.untilIdle({ timeoutMs: 10_000 })).toMatchObject({ stopReason: { type: 'end_turn' } })
    expect((await listed(host.client, handle.id)).every((event) => event.processed_at !== null)).toBe(true)
  })

  it('reads no longer once it has returned', async () => {
    const handle = await create()
    expect(await handle.untilIdle()).toMatchObject({ status: 'idle' })
    await until(() => !host.holdfast.runtime.logs.get(handle.id).tail.held)
  })
})

describe('a stream that is closed before its first event', () => {
  it('is read no longer', async () => {
    const handle = await create()
    const stream = await host.holdfast.sessions.events.stream(handle.id)
    await stream[Symbol.asyncIterator]().return!()
    await until(() => !host.holdfast.runtime.logs.get(handle.id).tail.held)
  })
})

describe('an answer that is given as soon as its tool use is seen', () => {
  it('is taken also when the session rolls over at that moment', async () => {
    const handle = await create()
    for (let turn = 0; turn < 12; turn++) {
      await converse(host.client, handle.id, '#bash sleep 0.5\n#and\n#tool weather {}\n#say done', {
        onEvent: async (event) => {
          if (event.type !== 'agent.custom_tool_use') return
          const newest = () => host.holdfast.runtime.logs.get(handle.id).newest()
          await until(async () => {
            const last = (await newest()).facts.at(-1)!
            return last.kind === 'scheduled' && last.activity === 'runTool'
          })
          await handle.send(answer(event.id))
        },
        until: (event) => event.type === 'session.status_idle' && event.stop_reason.type === 'end_turn',
      })
    }
    expect((await host.holdfast.runtime.logs.get(handle.id).newest()).run).toBeGreaterThan(2)
  }, 60_000)
})

describe('an answer with an idempotency key', () => {
  it('is refused when it answers nothing, and accepted again when it was accepted before', async () => {
    const { handle, toolUse } = await blocked()
    await expect(handle.send(answer('sevt_unknown'), { idempotencyKey: 'a' })).rejects.toMatchObject({ status: 400 })
    const [first] = await handle.send(answer(toolUse), { idempotencyKey: 'b' })
    await handle.untilIdle()
    const [again] = await handle.send(answer(toolUse), { idempotencyKey: 'b' })
    expect(again!.id).toBe(first!.id)
    const events = await listed(host.client, handle.id)
    expect(typesOf(events).filter((type) => type === 'user.custom_tool_result')).toHaveLength(1)
  })
})

describe('what an answer says of threads', () => {
  it('is not kept, and a repetition of one with which a version before kept it is known', async () => {
    const { handle, toolUse } = await blocked()
    const said = { ...answer(toolUse), session_thread_id: 'sthr_1' }
    const old = { ...said, id: keyedId(`${handle.id}\0old`, 0), processed_at: null }
    const workflow = new SessionWorkflow(host.holdfast.runtime, handle.id)
    await workflow.deliver({ events: [old], keyed: true }, old.id)
    expect(await handle.send(said, { idempotencyKey: 'old' })).toMatchObject([{ id: old.id }])
    await handle.untilIdle()

    const next = await blocked()
    const [sent] = await next.handle.send({ ...answer(next.toolUse), session_thread_id: 'sthr_1' })
    expect(sent).not.toHaveProperty('session_thread_id')
    await next.handle.untilIdle()
    const kept = (await listed(host.client, next.handle.id)).find(({ type }) => type === 'user.custom_tool_result')
    expect(kept).not.toHaveProperty('session_thread_id')
    const thread = primaryThreadId(next.handle.id)
    const interrupt = { type: 'user.interrupt' as const, session_thread_id: thread }
    expect(await next.handle.send(interrupt)).toMatchObject([{ session_thread_id: thread }])
  })
})

describe('a session that is archived while it waits for an answer', () => {
  it('gives the tool use its result', async () => {
    const { handle, toolUse } = await blocked()
    await handle.send(message('too late'))
    await handle.archive()
    await until(async () => typesOf(await listed(host.client, handle.id)).includes('session.status_terminated'))
    const events = await listed(host.client, handle.id)
    expect(events.find((event) => event.type === 'agent.tool_result')).toMatchObject({
      tool_use_id: toolUse,
      is_error: true,
    })
    expect(events.every((event) => event.processed_at !== null)).toBe(true)
  })
})

describe('an answer that nobody waits for any more, with a system message', () => {
  it('stays out of the conversation of the turn that begins with it', async () => {
    const { handle, toolUse } = await blocked()
    const refused = host.model.requests.length
    await handle.send([
      { type: 'user.interrupt' },
      answer(toolUse),
      { type: 'system.message', content: [{ type: 'text', text: 'Be brief.' }] },
    ])
    await handle.send('#say next')
    expect(await handle.untilIdle({ timeoutMs: 10_000 })).toMatchObject({ stopReason: { type: 'end_turn' } })
    expect(host.model.requests.slice(refused).filter((request) => request.refused)).toEqual([])
  })
})

describe('a message with a file that no model takes in that place', () => {
  it('is refused: it would make every later request of the session invalid', async () => {
    const handle = await create()
    const file = await host.client.beta.files.upload({ file: new File(['a,b'], 'table.csv', { type: 'text/csv' }) })
    const image = { type: 'image' as const, source: { type: 'file' as const, file_id: file.id } }
    await expect(handle.send({ type: 'user.message', content: [image] })).rejects.toMatchObject({ status: 400 })
    const document = { type: 'document' as const, source: { type: 'file' as const, file_id: file.id } }
    await handle.send({ type: 'user.message', content: [document, { type: 'text', text: '#say read' }] })
    expect(await handle.untilIdle({ timeoutMs: 10_000 })).toMatchObject({ stopReason: { type: 'end_turn' } })
  })
})
