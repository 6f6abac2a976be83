import { writeFile } from 'node:fs/promises'
import path from 'node:path'
import Anthropic from '@anthropic-ai/sdk'
import { expect, it, onTestFinished } from 'vitest'
import { startScriptedModel } from '../../testing/scripted-model/server.ts'
import { freePort } from '../../worker/temporal-server/free-port.ts'
import { start } from '../support/command-line.ts'
import { converse, lastText } from '../support/conversation.ts'
import { startPostgres } from '../support/postgres.ts'
import { ownNamespace } from '../support/temporal.ts'
import { temporaryFolder } from '../support/temporary-folder.ts'
import { until } from '../support/until.ts'

it('an API and workers on machines of their own, with one database: what the model writes is read word by word', {
  timeout: 120_000,
}, async () => {
  const postgres = await startPostgres()
  onTestFinished(() => postgres[Symbol.asyncDispose]())
  const model = await startScriptedModel()
  onTestFinished(() => model.close())
  const { address, namespace } = await ownNamespace()
  const cwd = await temporaryFolder()
  const blobs = { directory: path.join(cwd, 'blobs') }
  await writeFile(path.join(cwd, 'temporal.config.ts'), `export default ${JSON.stringify({ blobs })}`)
  const env = {
    TEMPORAL_ADDRESS: address,
    TEMPORAL_NAMESPACE: namespace,
    ANTHROPIC_API_KEY: 'scripted-key-of-the-tests',
    ANTHROPIC_BASE_URL: model.url,
    HOLDFAST_RECORDS_URL: await postgres.url(),
    HOLDFAST_SECRET_KEY: Buffer.alloc(32, 7).toString('base64'),
  }
  const part = async (...args: string[]) => {
    const running = start(args, { cwd, env })
    await until(() => /^(listening|working) on /m.test(running.out) || running.child.exitCode !== null)
    expect(running.child.exitCode, running.err).toBeNull()
    return running
  }
  const port = String(await freePort())
  const parts = await Promise.all([
    part('server', '--data', 'one', '--port', port),
    part('worker', '--data', 'other', '--processes', '1'),
  ])
  const client = new Anthropic({ apiKey: 'none', baseURL: `http://127.0.0.1:${port}` })
  const tools = [{ type: 'agent_toolset_20260401' as const }]
  const agent = await client.beta.agents.create({ name: 'Far', model: 'claude-opus-5', tools })
  const environment = await client.beta.environments.create({ name: 'far' })
  const { id } = await client.beta.sessions.create({ agent: agent.id, environment_id: environment.id })

  const task = '#bash echo kept | tee /mnt/session/outputs/a.txt\n#slow 5\n#long 60'
  const events = await converse(client, id, task, { deltas: ['agent.message'] })
  const said = events.flatMap((event) => (event.type === 'event_delta' ? [event.delta.content.text] : []))
  expect(said.length).toBeGreaterThan(3)
  // Its end may be overtaken by the message itself.
  expect(lastText(events).startsWith(said.join(''))).toBe(true)
  const { data } = await client.beta.files.list({ scope_id: id })
  expect(data.map(({ filename }) => filename)).toEqual(['a.txt'])

  for (const { child } of parts) child.kill('SIGTERM')
  for (const { ended } of parts) expect(await ended).toMatchObject({ code: 0 })
})
