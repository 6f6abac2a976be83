import { mkdir, rm, writeFile } from 'node:fs/promises'
import path from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { converse, lastText, newSession } from '../support/conversation.ts'
import { startTestHost, type TestHost } from '../support/host.ts'

let host: TestHost
let containers: string
beforeAll(async () => {
  host = await startTestHost()
  containers = path.join(host.dataDir, 'containers')
})
afterAll(() => host?.remove())

describe('a host that can make no container', () => {
  it('says so on the session, tells the model that nothing was run, and goes on when it can again', async () => {
    // A file where the containers' folder should be.
    await writeFile(containers, '')
    const session = await newSession(host)
    const events = await converse(host.client, session.id, '#bash echo ran\n#say {{last}}')
    const error = events.find((event) => event.type === 'session.error')
    expect(error).toMatchObject({ error: { type: 'unknown_error', message: expect.stringContaining('keeper.log') } })
    expect(events.find((event) => event.type === 'agent.tool_result')).toMatchObject({ is_error: true })
    expect(lastText(events)).toContain('This call was not run')

    await rm(containers)
    await mkdir(containers)
    expect(lastText(await converse(host.client, session.id, '#bash echo ran\n#say {{last}}'))).toMatch(/ ran$/)
  })
})
