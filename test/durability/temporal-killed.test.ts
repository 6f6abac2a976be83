import { readFile } from 'node:fs/promises'
import path from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { converse, lastText, listed, message, newSession } from '../support/conversation.ts'
import { startTestHost, type TestHost } from '../support/host.ts'
import { until } from '../support/until.ts'

let host: TestHost
beforeAll(async () => {
  host = await startTestHost({ temporal: 'own' })
})
afterAll(() => host?.remove())

async function killTemporal(signal: NodeJS.Signals = 'SIGKILL') {
  const { server } = JSON.parse(await readFile(path.join(host.dataDir, 'temporal', 'temporal.pid'), 'utf8'))
  process.kill(server.pid, signal)
}

describe('the Temporal server killed', () => {
  it('in the middle of a tool call: the command runs once and the turn ends', async () => {
    const session = await newSession(host)
    let killed = false
    const events = await converse(host.client, session.id, '#bash echo x >> runs; sleep 1; cat runs\n#say {{last}}', {
      onEvent: async (event) => {
        if (event.type !== 'agent.tool_use' || killed) return
        killed = true
        await killTemporal()
      },
    })
    expect(lastText(events)).toMatch(/ x$/)
  })

  it('in the middle of a model request: the session answers once', async () => {
    const session = await newSession(host)
    let killed = false
    const events = await converse(host.client, session.id, '#slow 20\n#long 200', {
      deltas: ['agent.message'],
      onEvent: async (event) => {
        if (event.type !== 'event_delta' || killed) return
        killed = true
        await killTemporal()
      },
    })
    expect(events.filter((event) => event.type === 'agent.message')).toHaveLength(1)
  })

  it('right after an event was accepted: the event is answered', async () => {
    const session = await newSession(host)
    const handle = host.holdfast.session(session.id)
    await handle.send('#say kept')
    await killTemporal()
    await handle.untilIdle()
    expect(lastText(await listed(host.client, session.id))).toContain('kept')
  })
})

describe('the Temporal server stopped', () => {
  it('is said to whoever asks for something, and an event that is sent again is taken once', async () => {
    const session = await newSession(host)
    const { sessions } = host.client.beta
    const send = () =>
      sessions.events.send(
        session.id,
        { events: [message('#say once')] },
        { headers: { 'Idempotency-Key': 'stopped' }, timeout: 300_000 },
      )
    const statusOf = (answer: Promise<unknown>) =>
      answer.then(
        () => 200,
        ({ status }) => status,
      )
    await killTemporal('SIGSTOP')
    // Before the server is found to stand still, and replaced.
    const answers = [send(), sessions.retrieve(session.id), sessions.list(), newSession(host)].map(statusOf)
    expect(await Promise.all(answers)).toEqual([503, 503, 503, 503])
    await until(async () => (await statusOf(send())) === 200)
    await host.holdfast.session(session.id).untilIdle()
    const events = await listed(host.client, session.id)
    expect(events.filter(({ type }) => type === 'user.message')).toHaveLength(1)
    expect(lastText(events)).toContain('once')
  }, 300_000)
})
