import { readFile } from 'node:fs/promises'
import path from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { converse, lastText, listed, newSession } from '../support/conversation.ts'
import { startTestHost, type TestHost } from '../support/host.ts'

let host: TestHost
beforeAll(async () => {
  host = await startTestHost({ temporal: 'own' })
})
afterAll(() => host?.remove())

async function killTemporal() {
  const { server } = JSON.parse(await readFile(path.join(host.dataDir, 'temporal', 'temporal.pid'), 'utf8'))
  process.kill(server.pid, 'SIGKILL')
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
