import Anthropic from '@anthropic-ai/sdk'
import { describe, expect, it, onTestFinished } from 'vitest'
import { startScriptedModel } from '../../testing/scripted-model/server.ts'
import { freePort } from '../../worker/temporal-server/free-port.ts'
import { jsonLines, run, start } from '../support/command-line.ts'
import { listed, message, typesOf } from '../support/conversation.ts'
import { ownNamespace } from '../support/temporal.ts'
import { temporaryFolder } from '../support/temporary-folder.ts'
import { until } from '../support/until.ts'

/** The parts of `holdfast dev` as processes of their own. */
async function apart() {
  const model = await startScriptedModel()
  onTestFinished(() => model.close())
  const { address, namespace } = await ownNamespace()
  const cwd = await temporaryFolder()
  const port = String(await freePort())
  const env = {
    TEMPORAL_ADDRESS: address,
    TEMPORAL_NAMESPACE: namespace,
    ANTHROPIC_API_KEY: 'scripted-key-of-the-tests',
    ANTHROPIC_BASE_URL: model.url,
  }
  const url = `http://127.0.0.1:${port}`
  const part = async (...args: string[]) => {
    const running = start(args, { cwd, env })
    await until(() => /^(listening|working) on /m.test(running.out) || running.child.exitCode !== null)
    expect(running.child.exitCode, running.err).toBeNull()
    return running
  }
  return { url, cwd, env, server: () => part('server', '--port', port), worker: () => part('worker') }
}

describe('holdfast server and holdfast worker', { timeout: 120_000 }, () => {
  it('do together what holdfast dev does, and a tail goes on behind the death of the server', async () => {
    const { url, server, worker } = await apart()
    let serving = await server()
    const working = await worker()
    const client = new Anthropic({ apiKey: 'none', baseURL: url })
    const tools = [{ type: 'agent_toolset_20260401' as const }]
    const agent = await client.beta.agents.create({ name: 'Apart', model: 'claude-opus-5', tools })
    const environment = await client.beta.environments.create({ name: 'apart' })
    const session = await client.beta.sessions.create({ agent: agent.id, environment_id: environment.id })
    const tail = start(['sessions', 'tail', session.id, '--json'], { url })
    await client.beta.sessions.events.send(session.id, { events: [message('#bash echo one\n#say first')] })
    await until(() => tail.out.includes('session.status_idle'))

    serving.child.kill('SIGKILL')
    await serving.ended
    serving = await server()
    await client.beta.sessions.events.send(session.id, { events: [message('#bash echo two\n#say second')] })
    await until(() => tail.out.split('session.status_idle').length > 2)
    const events = await listed(client, session.id)
    tail.child.kill('SIGTERM')
    expect(await tail.ended).toMatchObject({ code: 130 })
    expect(jsonLines(tail.out).map(({ cursor: _, ...event }) => event)).toEqual(JSON.parse(JSON.stringify(events)))
    expect(typesOf(events).filter((type) => type === 'agent.tool_result')).toHaveLength(2)

    serving.child.kill('SIGTERM')
    working.child.kill('SIGTERM')
    expect(await serving.ended).toMatchObject({ code: 0 })
    expect(await working.ended).toMatchObject({ code: 0 })
  })

  it('need a Temporal server that runs elsewhere, and say so', async () => {
    const options = { cwd: await temporaryFolder(), env: { TEMPORAL_ADDRESS: '' } }
    for (const part of ['server', 'worker']) {
      expect(await run([part], options)).toMatchObject({ code: 2, err: expect.stringContaining('TEMPORAL_ADDRESS') })
    }
  })
})
