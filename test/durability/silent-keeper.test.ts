import { readFile } from 'node:fs/promises'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { containersRoot } from '../../activities/container/keeper/session-folder.ts'
import { converse, lastText, newSession } from '../support/conversation.ts'
import { keeperPid, startTestHost, type TestHost } from '../support/host.ts'
import { until } from '../support/until.ts'

let host: TestHost
beforeAll(async () => {
  host = await startTestHost()
})
afterAll(() => host?.remove())

describe('an interrupt while the keeper of the containers is stopped', () => {
  it('ends the turn; the session takes the next message, and is deleted', async () => {
    const session = await newSession(host)
    const mark = `${await containersRoot(host.dataDir)}/${session.id}/workspace/begun`
    const events = await converse(host.client, session.id, '#bash touch begun; sleep 100\n#say never', {
      onEvent: async (event) => {
        if (event.type !== 'agent.tool_use') return
        await until(() =>
          readFile(mark, 'utf8').then(
            () => true,
            () => false,
          ),
        )
        process.kill(await keeperPid(host), 'SIGSTOP')
        await host.client.beta.sessions.events.send(session.id, { events: [{ type: 'user.interrupt' }] })
      },
    })
    expect(events.at(-1)).toMatchObject({ type: 'session.status_idle', stop_reason: { type: 'end_turn' } })
    expect(lastText(await converse(host.client, session.id, '#bash ls\n#say {{last}}'))).toMatch(/begun$/)
    await host.client.beta.sessions.delete(session.id)
  })
})
