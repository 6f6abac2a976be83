import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import type { Worker } from '@temporalio/worker'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { z } from 'zod'
import { defineTool, ResultError, SessionStopped, toolset } from '../../index.ts'
import { createToolWorker } from '../../worker/index.ts'
import { converse, lastText, listed, typesOf } from '../support/conversation.ts'
import { startTestHost, type TestHost } from '../support/host.ts'
import { killable } from './killable-tools.ts'

let host: TestHost
let worker: Worker
let running: Promise<void>
const calls: { name: string; key: string; attempt: number }[] = []

const add = defineTool({
  name: 'add',
  description: 'Adds two numbers.',
  input: z.object({ a: z.number(), b: z.number() }),
  run: ({ a, b }, { idempotencyKey, attempt }) => {
    calls.push({ name: 'add', key: idempotencyKey, attempt })
    return { sum: a + b }
  },
})
const flaky = defineTool({
  name: 'flaky',
  description: 'Fails at first.',
  input: z.object({}),
  idempotent: true,
  run: (_input, { idempotencyKey, attempt }) => {
    calls.push({ name: 'flaky', key: idempotencyKey, attempt })
    if (attempt < 3) throw new Error('not yet')
    return 'at last'
  },
})
const failing = defineTool({
  name: 'failing',
  description: 'Always fails.',
  input: z.object({}),
  run: () => {
    throw new Error('no such customer')
  },
})
const endless = defineTool({
  name: 'endless',
  description: 'Ends when it is told to.',
  input: z.object({}),
  run: async (_input, { signal }) => {
    calls.push({ name: 'endless', key: '', attempt: 1 })
    await sleep(600_000, undefined, { signal })
  },
})
const tools = toolset([add, flaky, failing, endless], { taskQueue: 'my-tools' })
const unserved = toolset([{ ...add, name: 'unserved' }], { taskQueue: 'nobody', pickUpMs: 300 })

beforeAll(async () => {
  host = await startTestHost()
  worker = await createToolWorker(host.holdfast, tools)
  running = worker.run()
})
afterAll(async () => {
  worker?.shutdown()
  await running
  await host?.remove()
})

async function newSession(set = tools) {
  const agent = await host.holdfast.agents.create({
    name: 'with tools',
    model: 'claude-opus-5',
    tools: [...set.definitions, { type: 'agent_toolset_20260401' }],
  })
  return host.holdfast.sessions.create({ agent: agent.id, environment_id: host.environment }, { tools: set })
}
const resultIn = (events: { type: string }[]) =>
  events.find((event) => event.type === 'user.custom_tool_result') as unknown as {
    custom_tool_use_id: string
    content: { text: string }[]
    is_error: boolean
  }

describe('a typed tool that a worker serves', () => {
  it('is called without any client, once, with the input its schema describes', async () => {
    const session = await newSession()
    const events = await converse(host.client, session.id, '#tool add {"a":1,"b":2}\n#say {{last}}')
    const use = events.find((event) => event.type === 'agent.custom_tool_use')!
    expect(resultIn(events)).toMatchObject({ custom_tool_use_id: use.id, content: [{ text: '{"sum":3}' }] })
    expect(lastText(events)).toContain('{"sum":3}')
    expect(calls.filter(({ key }) => key === use.id)).toHaveLength(1)
    expect(events.at(-1)).toMatchObject({ stop_reason: { type: 'end_turn' } })
    expect(typesOf(await listed(host.client, session.id)).filter((type) => type.endsWith('tool_result'))).toEqual([
      'user.custom_tool_result',
    ])
  })

  it('tells the model what does not fit its schema, and what it throws', async () => {
    const session = await newSession()
    const unfit = await converse(host.client, session.id, '#tool add {"a":"one"}\n#say done')
    expect(resultIn(unfit)).toMatchObject({ is_error: true, content: [{ text: expect.stringContaining('a') }] })
    const failed = await converse(host.client, session.id, '#tool failing {}\n#say done')
    expect(resultIn(failed)).toMatchObject({ is_error: true, content: [{ text: 'no such customer' }] })
  })

  it('is tried again when it may be, under the same key', async () => {
    const session = await newSession()
    const events = await converse(host.client, session.id, '#tool flaky {}\n#say done')
    expect(resultIn(events)).toMatchObject({ is_error: false, content: [{ text: 'at last' }] })
    const attempts = calls.filter(({ name }) => name === 'flaky')
    expect(attempts.map(({ attempt }) => attempt)).toEqual([1, 2, 3])
    expect(new Set(attempts.map(({ key }) => key)).size).toBe(1)
  })

  it('stops when the session is interrupted', async () => {
    const session = await newSession()
    const turn = converse(host.client, session.id, '#tool endless {}\n#say never')
    await expect.poll(() => calls.some(({ name }) => name === 'endless'), { timeout: 10_000 }).toBe(true)
    await host.client.beta.sessions.events.send(session.id, { events: [{ type: 'user.interrupt' }] })
    const events = await turn
    expect(JSON.stringify(events.find((event) => event.type === 'agent.tool_result'))).toContain('interrupted')
  })

  it('that no worker takes is reported to the model as not run', async () => {
    const session = await newSession(unserved)
    const events = await converse(host.client, session.id, '#tool unserved {"a":1,"b":1}\n#say done')
    expect(JSON.stringify(events.find((event) => event.type === 'agent.tool_result'))).toContain('was not run')
  })

  it('beside a built-in tool in one reply gives both results', async () => {
    const session = await newSession()
    const events = await converse(host.client, session.id, '#bash echo here\n#and\n#tool add {"a":2,"b":2}\n#say done')
    expect(
      typesOf(events)
        .filter((type) => type.endsWith('tool_result'))
        .sort(),
    ).toEqual(['agent.tool_result', 'user.custom_tool_result'])
    expect(lastText(events)).toContain('done')
  })
})

describe('a worker that is killed in the middle of a call', () => {
  for (const [name, outcome] of [
    ['repeatable', 'second life'],
    ['once', 'unknown whether this call ran to its end'],
  ]) {
    it(`of the tool "${name}": ${outcome}`, async () => {
      const set = toolset(killable(), { taskQueue: `killable-${name}` })
      const session = await newSession(set)
      const first = startProcess(set.taskQueue)
      const second = Promise.withResolvers<ChildProcess>()
      try {
        const turn = converse(host.client, session.id, `#tool ${name} {}\n#say done`)
        await once(first, 'message')
        first.kill('SIGKILL')
        second.resolve(startProcess(set.taskQueue))
        expect(JSON.stringify((await turn).filter((event) => event.type.endsWith('tool_result')))).toContain(outcome)
      } finally {
        first.kill('SIGKILL')
        second.resolve(first)
        ;(await second.promise).kill('SIGKILL')
      }
    })
  }

  function startProcess(taskQueue: string) {
    const { temporal, holdfast } = host
    const config = { address: temporal.address, namespace: temporal.namespace, taskQueue, dataDir: host.dataDir }
    expect(holdfast.runtime.namespace).toBe(temporal.namespace)
    return fork(fileURLToPath(new URL('tool-process.ts', import.meta.url)), [JSON.stringify(config)])
  }
})

describe('a typed result', () => {
  const total = z.object({ total: z.number() })

  it('is the answer read by its schema', async () => {
    const { id } = await host.holdfast.sessions.create({ agent: host.agent, environment_id: host.environment })
    const session = host.holdfast.session(id)
    expect(await session.run('#say {"total": 7}', { output: total })).toEqual({ total: 7 })
    expect(await session.result(total)).toEqual({ total: 7 })
    expect(await session.run('#say plain')).toContain('plain')
  })

  it('is asked for again with what was wrong, a bounded number of times', async () => {
    const { id } = await host.holdfast.sessions.create({ agent: host.agent, environment_id: host.environment })
    const session = host.holdfast.session(id)
    const error = await session.run('#say {"total": "many"}', { output: total, attempts: 2 }).catch((error) => error)
    expect(error).toBeInstanceOf(ResultError)
    const said = (await listed(host.client, id)).filter((event) => event.type === 'user.message')
    expect(said).toHaveLength(2)
    expect(JSON.stringify(said[1])).toContain('could not be used')
  })

  it('says why there is none when the turn did not end by itself', async () => {
    const { id } = await host.holdfast.sessions.create({ agent: host.agent, environment_id: host.environment })
    const error = await host.holdfast
      .session(id)
      .run('#refuse', { output: total })
      .catch((error) => error)
    expect(error).toBeInstanceOf(SessionStopped)
    expect(error.code).toBe('refusal')
  })
})

describe('a tool that cannot be one', () => {
  it('is refused where it is defined', () => {
    const make = (fields: object) => () => defineTool({ ...add, ...fields } as never)
    expect(make({ input: z.string() })).toThrow('must be an object')
    expect(make({ name: 'no spaces' })).toThrow('name')
    expect(make({ attempts: 2 })).toThrow('idempotent')
    expect(() => toolset([add, add], { taskQueue: 'x' })).toThrow('same name')
  })
})
