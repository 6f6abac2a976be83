import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { BubblewrapProvider } from '../../activities/container/bubblewrap/provider.ts'
import { converse, listed, message, newSession, typesOf } from '../support/conversation.ts'
import { startTestHost, type TestHost } from '../support/host.ts'
import { until } from '../support/until.ts'

let host: TestHost
let containers: BubblewrapProvider
beforeAll(async () => {
  host = await startTestHost({ config: { model: { stallTimeoutMs: 1500 } } })
  containers = new BubblewrapProvider({ dataDir: host.dataDir })
  // Who only looks starts no keeper, and would not be told of containers.
  await containers.stop('sesn_nobody')
})
afterAll(async () => {
  await containers?.close()
  await host?.remove()
})

const hasFiles = async (id: string) => (await containers.list()).includes(id)

async function interrupted(id: string): Promise<void> {
  await host.client.beta.sessions.events.send(id, { events: [{ type: 'user.interrupt' }] })
  await until(async () => (await host.client.beta.sessions.retrieve(id)).status === 'idle')
}

/** Deletes a session and waits until it is gone. */
async function deleted(id: string): Promise<void> {
  await host.client.beta.sessions.delete(id)
  await until(async () => !(await host.holdfast.runtime.records.sessions.get(id)))
}

describe('a container that is started while the model still writes down its call', () => {
  it('is the one that the call finds', async () => {
    const { id } = await newSession(host)
    const events = await converse(host.client, id, '#slow 300\n#bash echo found\n#say done', {
      async onEvent({ type }) {
        if (type !== 'session.status_running') return
        await until(() => containers.runs(id))
        expect(typesOf(await listed(host.client, id))).not.toContain('agent.tool_use')
      },
    })
    const result = events.find(({ type }) => type === 'agent.tool_result')
    expect(result).toMatchObject({ is_error: false, content: [{ type: 'text', text: 'found' }] })
  })

  it('is not started for a call that somebody has to allow', async () => {
    const ask = { permission_policy: { type: 'always_ask' as const } }
    const agent = await host.client.beta.agents.create({
      name: 'Asker',
      model: 'claude-opus-5',
      tools: [{ type: 'agent_toolset_20260401', default_config: ask }],
    })
    const { id } = await newSession({ ...host, agent: agent.id })
    const events = await converse(host.client, id, '#slow 100\n#bash echo no')
    expect(typesOf(events)).toContain('agent.tool_use')
    expect(await hasFiles(id)).toBe(false)
  })

  it('goes with its session when the call never came', async () => {
    const { id } = await newSession(host)
    await host.client.beta.sessions.events.send(id, { events: [message('#slow 1000\n#bash echo no')] })
    await until(() => containers.runs(id))
    await interrupted(id)
    expect(await hasFiles(id)).toBe(true)
    await deleted(id)
    expect([await containers.runs(id), await hasFiles(id)]).toEqual([false, false])
  })

  it('goes with its session when the reply broke off', async () => {
    const { id } = await newSession(host)
    await host.client.beta.sessions.events.send(id, { events: [message('#slow 10000\n#bash echo no')] })
    await until(
      async () => (await containers.runs(id)) && typesOf(await listed(host.client, id)).includes('session.error'),
    )
    await interrupted(id)
    await deleted(id)
    expect([await containers.runs(id), await hasFiles(id)]).toEqual([false, false])
  })
})
