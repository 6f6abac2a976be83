import { chmod, mkdtemp, readFile, rm } from 'node:fs/promises'
import os from 'node:os'
import path from 'node:path'
import Anthropic from '@anthropic-ai/sdk'
import { type LocalHost, startLocalHost } from '../../cli/local-host.ts'
import { type ScriptedModel, startScriptedModel } from '../../testing/scripted-model/server.ts'
import { loadConfig } from '../../worker/config/load-config.ts'
import type { HoldfastConfig } from '../../worker/config/settings.ts'
import { ownNamespace } from './temporal.ts'

export interface TestHost extends LocalHost {
  dataDir: string
  model: ScriptedModel
  /** The official SDK, pointed at the host. */
  client: Anthropic
  /** An agent with the built-in tools and an environment. */
  agent: string
  environment: string
  /** Lines that the host logged. */
  lines: string[]
  remove(): Promise<void>
}

export interface TestHostOptions {
  config?: HoldfastConfig
  env?: Record<string, string>
  /** `own`: a server in the host's data folder, as `holdfast dev` has it. @default a namespace of the shared one */
  temporal?: 'own'
  model?: ScriptedModel
}

/** Everything but Temporal, as `holdfast dev` runs it, on a temporary folder, with the scripted model. */
export async function startTestHost(options: TestHostOptions = {}): Promise<TestHost> {
  const project = await mkdtemp(path.join(os.tmpdir(), 'holdfast-host-'))
  // The containers' users walk through it.
  await chmod(project, 0o711)
  const model = options.model ?? (await startScriptedModel())
  const temporal = options.temporal === 'own' ? { address: '', namespace: 'default' } : await ownNamespace()
  const env = {
    ...process.env,
    ANTHROPIC_API_KEY: 'scripted-key-of-the-tests',
    ANTHROPIC_BASE_URL: model.url,
    TEMPORAL_ADDRESS: temporal.address,
    TEMPORAL_NAMESPACE: temporal.namespace,
    ...options.env,
  }
  const lines: string[] = []
  const { session, ...rest } = options.config ?? {}
  const config = await loadConfig({
    cwd: project,
    env,
    overrides: {
      server: { port: await freePort() },
      session: { retryInitialMs: 50, retryMaximumMs: 200, ...session },
      ...rest,
    },
  })
  const host = await startLocalHost(config, { log: (line) => lines.push(line), env })
  const client = new Anthropic({ apiKey: options.env?.HOLDFAST_API_KEYS ?? 'none', baseURL: host.url, maxRetries: 0 })
  const tools = [{ type: 'agent_toolset_20260401' as const }]
  const agent = await client.beta.agents.create({ name: 'Tester', model: 'claude-opus-5', tools })
  const environment = await client.beta.environments.create({ name: 'tests' })
  return Object.assign(Object.create(host, Object.getOwnPropertyDescriptors(host)), {
    dataDir: config.data,
    model,
    client,
    agent: agent.id,
    environment: environment.id,
    lines,
    async remove() {
      await host.stop()
      if (!options.model) await model.close()
      await rm(project, { recursive: true, force: true })
    },
  }) as TestHost
}

/** Pid of the host's keeper, which is started with the first container. */
export async function keeperPid({ dataDir }: { dataDir: string }): Promise<number> {
  return Number(await readFile(path.join(dataDir, 'keeper.pid'), 'utf8'))
}

async function freePort(): Promise<number> {
  const { freePort } = await import('../../worker/temporal-server/free-port.ts')
  return freePort()
}
