import { chmod, mkdtemp, rm } from 'node:fs/promises'
import os from 'node:os'
import path from 'node:path'
import { type PartOptions, startWorkers } from '../../cli/host-parts.ts'
import type { Holdfast } from '../../client/holdfast.ts'
import { LocalBus } from '../../log/bus.ts'
import { startScriptedModel } from '../../testing/scripted-model/server.ts'
import { loadConfig } from '../../worker/config/load-config.ts'
import type { HoldfastConfig } from '../../worker/config/settings.ts'
import { connectHoldfast } from '../../worker/open-holdfast.ts'
import { ownNamespace } from './temporal.ts'

export interface Hosts extends AsyncDisposable {
  holdfast: Holdfast
  /** An agent with the built-in tools and an environment. */
  session: { agent: string; environment_id: string }
  /**
   * Starts the workers of a host as `holdfast worker` makes them, with records and blobs that all have in common.
   * @param options.shared whether it takes what is for any host, too. @default true
   */
  start(name: string, options?: { shared?: boolean }): Promise<AsyncDisposable>
  /** Data folder of a host. */
  dataOf(name: string): string
}

/** Several hosts of one Temporal namespace. What was started ends with them. */
export async function startHosts(config: HoldfastConfig = {}): Promise<Hosts> {
  await using ending = new AsyncDisposableStack()
  const root = await mkdtemp(path.join(os.tmpdir(), 'holdfast-test-'))
  ending.defer(() => rm(root, { recursive: true, force: true }))
  await chmod(root, 0o711)
  const model = await startScriptedModel()
  ending.defer(() => model.close())
  const { address, namespace } = await ownNamespace()
  const env = {
    ...process.env,
    ANTHROPIC_API_KEY: 'scripted-key-of-the-tests',
    ANTHROPIC_BASE_URL: model.url,
    TEMPORAL_ADDRESS: address,
    TEMPORAL_NAMESPACE: namespace,
  }
  const bus = new LocalBus()
  const dataOf = (name: string) => path.join(root, name)
  const partsOf = async (name: string): Promise<PartOptions> => {
    const overrides = {
      ...config,
      data: dataOf(name),
      records: { url: `sqlite:${path.join(root, 'records.db')}` },
      blobs: { directory: path.join(root, 'blobs') },
      worker: { processes: 1, standby: false },
    }
    const loaded = await loadConfig({ cwd: root, env, overrides })
    return { config: loaded, connection: loaded.temporal.connection!, log: () => {} }
  }
  const holdfast = await connectHoldfast(await partsOf('library'), bus)
  ending.defer(() => holdfast.close())
  const agent = await holdfast.agents.create({
    name: 'Tester',
    model: 'claude-opus-5',
    tools: [{ type: 'agent_toolset_20260401' }],
  })
  const environment = await holdfast.environments.create({ name: 'tests' })
  const running = ending.move()
  return {
    holdfast,
    session: { agent: agent.id, environment_id: environment.id },
    dataOf,
    async start(name, { shared = true } = {}) {
      const hostQueue = `holdfast@${name}`
      const overrides = { hostQueue, ...(!shared && { taskQueue: hostQueue }) }
      const workers = await startWorkers(await partsOf(name), holdfast, { bus, env, overrides })
      const stack = new AsyncDisposableStack()
      stack.use(workers)
      running.use(stack)
      return stack
    },
    [Symbol.asyncDispose]: () => running.disposeAsync(),
  }
}
