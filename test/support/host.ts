import { readFile } from 'node:fs/promises'
import path from 'node:path'
import Anthropic from '@anthropic-ai/sdk'
import type { ScriptedModel } from '../../testing/scripted-model/server.ts'
import { type TestHost as Host, startTestHost as startHost } from '../../testing/test-host.ts'
import type { HoldfastConfig } from '../../worker/config/settings.ts'
import { ownNamespace } from './temporal.ts'

export interface TestHost extends Host {
  /** The official SDK, pointed at the host. */
  client: Anthropic
  /** An agent with the built-in tools and an environment. */
  agent: string
  environment: string
}

export interface TestHostOptions {
  config?: HoldfastConfig
  env?: Record<string, string>
  /** `own`: a server in the host's data folder, as `holdfast dev` has it. @default a namespace of the shared one */
  temporal?: 'own'
  model?: ScriptedModel
}

/** Everything but Temporal, as `holdfast dev` runs it, on a temporary folder, with the scripted model. */
export async function startTestHost({ temporal, env, ...options }: TestHostOptions = {}): Promise<TestHost> {
  const { address, namespace } = temporal === 'own' ? { address: '', namespace: 'default' } : await ownNamespace()
  const variables = { TEMPORAL_ADDRESS: address, TEMPORAL_NAMESPACE: namespace, ...env }
  const host = await startHost({ ...options, env: variables })
  const client = new Anthropic({ apiKey: env?.HOLDFAST_API_KEYS ?? 'none', baseURL: host.url, maxRetries: 0 })
  const tools = [{ type: 'agent_toolset_20260401' as const }]
  const agent = await client.beta.agents.create({ name: 'Tester', model: 'claude-opus-5', tools })
  const environment = await client.beta.environments.create({ name: 'tests' })
  return Object.assign(host, { client, agent: agent.id, environment: environment.id })
}

/** Pid of the host's keeper, which is started with the first container. */
export async function keeperPid({ dataDir }: { dataDir: string }): Promise<number> {
  return Number(await readFile(path.join(dataDir, 'keeper.pid'), 'utf8'))
}
