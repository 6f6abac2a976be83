import { fork } from 'node:child_process'
import { randomUUID } from 'node:crypto'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest'
import { stop } from '../../client/stop.ts'
import { HoldfastClosed, SessionStopped } from '../../index.ts'
import type { RunView } from '../../log/run-view.ts'
import { lastText, listed, newSession } from '../support/conversation.ts'
import { startTestHost, type TestHost } from '../support/host.ts'
import { ownHoldfast } from '../support/own-holdfast.ts'
import { until } from '../support/until.ts'

let host: TestHost
beforeAll(async () => {
  host = await startTestHost()
})
afterAll(() => host?.remove())

interface Message {
  step: string
  content?: { id: string; first: string; second: unknown }
}

/** Runs the script; kills it when it says that it is there. Resolves with what it said last. */
function script(key: string, killAt?: string): Promise<Message> {
  const { temporal, dataDir, agent, environment } = host
  const { settings } = host.holdfast.runtime
  const place = { address: temporal.address, namespace: temporal.namespace, dataDir, agent, environment, settings, key }
  const child = fork(fileURLToPath(new URL('script-process.ts', import.meta.url)), [JSON.stringify(place)])
  return new Promise((resolve, reject) => {
    let last: Message = { step: 'nothing' }
    child.on('message', (message: Message) => {
      last = message
      if (message.step === killAt) child.kill('SIGKILL')
    })
    child.on('error', reject)
    child.on('exit', (code, signal) =>
      code === 0 || signal === 'SIGKILL' ? resolve(last) : reject(new Error(`the script ended with ${code}`)),
    )
  })
}

describe('a script that is killed and started again', () => {
  it('has one session, sends each task once and gets the same answers, wherever it was killed', {
    timeout: 120_000,
  }, async () => {
    const key = randomUUID()
    for (const step of ['creating', 'created', 'sent', 'answered', 'asking', 'done']) await script(key, step)
    const { step, content } = await script(key)
    expect(step).toBe('done')
    expect(content).toMatchObject({ first: expect.stringContaining('one'), second: { total: 42 } })
    expect(content!.first.match(/one/g)).toHaveLength(1)
    const messages = (await listed(host.client, content!.id)).filter((event) => event.type === 'user.message')
    expect(messages).toHaveLength(2)
  })
})

describe('a task that is asked for again under its key', () => {
  it('gives its own answer, though the session has gone on', async () => {
    const session = host.holdfast.session((await newSession(host)).id)
    const first = await session.run('#say one', { idempotencyKey: 'a' })
    const second = await session.run('#say two', { idempotencyKey: 'b' })
    expect(second).not.toBe(first)
    expect(await session.run('#say one', { idempotencyKey: 'a' })).toBe(first)
    await session.archive()
    expect(await session.run('#say two', { idempotencyKey: 'b' })).toBe(second)
    await expect(session.run('#say three', { idempotencyKey: 'c' })).rejects.toMatchObject({ status: 409 })
    await expect(session.run('#say one')).rejects.toMatchObject({ status: 409 })
  })

  it('gives the answer that came behind a question to the client', async () => {
    const ask = { enabled: true, permission_policy: { type: 'always_ask' as const } }
    const tools = [{ type: 'agent_toolset_20260401' as const, default_config: ask }]
    const agent = await host.client.beta.agents.create({ name: 'asks', model: 'claude-opus-5', tools })
    const { id } = await newSession({ ...host, agent: agent.id })
    const session = host.holdfast.session(id)
    const task = () => session.run('#bash echo yes\n#say {{last}}', { idempotencyKey: 'a' })
    const stopped = await task().catch((error) => error)
    expect(stopped).toBeInstanceOf(SessionStopped)
    expect(stopped.code).toBe('requires_action')
    const use = (await listed(host.client, id)).find((event) => event.type === 'agent.tool_use')!
    const through = session.untilIdle({ throughAnswers: true })
    await session.send({ type: 'user.tool_confirmation', tool_use_id: use.id, result: 'allow' })
    expect(await through).toMatchObject({ stopReason: { type: 'end_turn' } })
    expect(await task()).toContain('yes')
  })

  it('is told how its turn ended, not how the last one did', async () => {
    const session = host.holdfast.session((await newSession(host)).id)
    const refused = () => session.run('#refuse', { idempotencyKey: 'refused' }).catch((error) => error.code)
    expect(await refused()).toBe('refusal')
    await session.run('#say fine')
    expect(await refused()).toBe('refusal')
  })
})

describe('waiting for a session', () => {
  it('ends with what ended it: the time, a signal, or Holdfast', async () => {
    const own = await ownHoldfast(host)
    const session = own.session((await newSession(host)).id)
    await session.send('#wait 600000\n#say never')
    await expect(session.untilIdle({ timeoutMs: 50 })).rejects.toMatchObject({ name: 'TimeoutError' })
    const reason = new Error('enough')
    await expect(session.untilIdle({ signal: AbortSignal.abort(reason) })).rejects.toBe(reason)
    const waiting = session.untilIdle().catch((error) => error)
    // It waits from its first look at the log on.
    for await (const { event } of session.events()) if (event.type === 'span.model_request_start') break
    await own[Symbol.asyncDispose]()
    const error = await waiting
    expect(error).toBeInstanceOf(HoldfastClosed)
    expect(error.code).toBe('closed')
    await host.holdfast.session(session.id).interrupt()
  })

  it('does not take the rest before a message for the rest behind it, however late it looks', async () => {
    const { id } = await newSession(host)
    const log = host.holdfast.runtime.logs.get(id)
    const newest = log.newest.bind(log)
    const look = vi.spyOn(log, 'newest')
    for (let stale = 0; stale <= 2; stale++) {
      const session = host.holdfast.session(id)
      const seen = await newest()
      const before = { run: seen.run, started: seen.started, items: [...seen.items], waiting: [] } as unknown as RunView
      const over = new AbortController()
      vi.spyOn(log, 'follow').mockResolvedValueOnce(await log.follow({ signal: over.signal }))
      const [sent] = await session.send(`#say ${stale}`)
      let looks = 0
      look.mockImplementation(async () => {
        if (++looks <= stale) return before
        await until(async () =>
          (await newest()).items.some(({ event, received }) => !received && event.id === sent!.id),
        )
        return newest()
      })
      expect(await session.untilIdle()).toEqual({ status: 'idle', stopReason: { type: 'end_turn' } })
      look.mockImplementation(newest)
      over.abort()
      expect(lastText(await listed(host.client, id))).toContain(String(stale))
    }
    vi.restoreAllMocks()
  })

  it('says that a session has ended', async () => {
    const session = host.holdfast.session((await newSession(host)).id)
    await session.archive()
    // They end with the session.
    let last = ''
    for await (const { event } of session.events()) last = event.type
    expect(last).toBe('session.status_terminated')
    expect(await session.untilIdle()).toEqual({ status: 'terminated', stopReason: null })
  })
})

describe('bringing a session to rest', () => {
  it('stops what it was sent and has not begun with, also when it is repeated', async () => {
    const { holdfast } = host
    const { id } = await newSession(host)
    // Each of these may find the message waiting, begun, or in the middle of its turn.
    for (let round = 0; round < 5; round++) {
      await holdfast.session(id).send('#wait 600000\n#say never')
      for (let again = 0; again < 2; again++) await stop(holdfast, id, `round ${round}`, new AbortController().signal)
      expect(await holdfast.session(id).untilIdle()).toEqual({ status: 'idle', stopReason: { type: 'end_turn' } })
    }
    expect(lastText(await listed(host.client, id))).not.toContain('never')
  })
})

describe('a stream', () => {
  it('is closed by `await using`', async () => {
    const { id } = await newSession(host)
    let closed = false
    {
      await using stream = await host.holdfast.sessions.events.stream(id, { event_deltas: ['agent.message'] })
      const next = stream[Symbol.asyncIterator]().next()
      void next.then(({ done }) => {
        closed = done === true
      })
      expect(closed).toBe(false)
    }
    await expect.poll(() => closed).toBe(true)
  })
})
