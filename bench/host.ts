import { chmod, mkdtemp, rm } from 'node:fs/promises'
import os from 'node:os'
import path from 'node:path'
import Anthropic from '@anthropic-ai/sdk'
import { type LocalHost, startLocalHost } from '../cli/local-host.ts'
import { type ScriptedModel, startScriptedModel } from '../testing/scripted-model/server.ts'
import { loadConfig } from '../worker/config/load-config.ts'
import { freePort } from '../worker/temporal-server/free-port.ts'
import { Floor } from './floor/floor.ts'

/** Everything that is measured, as `holdfast dev` runs it, and the floor beside it on the same Temporal server. */
export interface Bench {
  host: LocalHost
  model: ScriptedModel
  client: Anthropic
  floor: Floor
  newSession(): Promise<string>
  stop(): Promise<void>
}

export async function startBench(): Promise<Bench> {
  const folder = await mkdtemp(path.join(os.tmpdir(), 'holdfast-bench-'))
  await chmod(folder, 0o711)
  const model = await startScriptedModel()
  const env = { ...process.env, ANTHROPIC_API_KEY: 'scripted', ANTHROPIC_BASE_URL: model.url }
  const config = await loadConfig({
    cwd: folder,
    env,
    overrides: { server: { port: await freePort() }, temporal: { embedded: { uiPort: false } } },
  })
  const host = await startLocalHost(config, { log: () => {}, env })
  const floor = await Floor.start(host.temporal.address, folder)
  const client = new Anthropic({ apiKey: 'none', baseURL: host.url, maxRetries: 0 })
  const tools = [{ type: 'agent_toolset_20260401' as const }]
  const agent = await client.beta.agents.create({ name: 'bench', model: 'claude-opus-5', tools })
  const environment = await client.beta.environments.create({ name: 'bench' })
  return {
    host,
    model,
    client,
    floor,
    newSession: async () => (await client.beta.sessions.create({ agent: agent.id, environment_id: environment.id })).id,
    async stop() {
      await floor.stop()
      await host.stop()
      await model.close()
      await rm(folder, { recursive: true, force: true })
    },
  }
}
