import path from 'node:path'
import { BubblewrapProvider } from '../activities/container/bubblewrap/provider.ts'
import { webhookEndpoints } from '../activities/webhooks/endpoints.ts'
import type { Holdfast } from '../client/holdfast.ts'
import { keepHouse } from '../client/housekeeping.ts'
import type { HostBus } from '../log/bus.ts'
import { startServer } from '../server/main.ts'
import { bury } from '../worker/bury.ts'
import type { Config } from '../worker/config/load-config.ts'
import type { TemporalConnection } from '../worker/config/temporal-connection.ts'
import { workerConfig } from '../worker/config/worker-config.ts'
import type { WorkerConfig } from '../worker/config-of-worker.ts'
import { extension, packageRoot } from '../worker/package-root.ts'
import { Supervisor } from '../worker/supervisor.ts'
import { ratesFor } from './rates.ts'

/** The parts that `holdfast dev` has in one process, and `holdfast server` and `holdfast worker` apart. */
export interface PartOptions {
  config: Config
  connection: TemporalConnection
  log: (line: string) => void
}

/** The worker processes with the supervisor that watches them, and their containers, which end with them. */
export async function startWorkers(
  { config, connection, log }: PartOptions,
  holdfast: Holdfast,
  { bus, env, overrides }: { bus: HostBus; env: NodeJS.ProcessEnv; overrides?: Partial<WorkerConfig> },
): Promise<Supervisor & AsyncDisposable> {
  const { allowPrivate } = config.egress
  const own = workerConfig(config, connection)
  // The processes read the secrets by themselves: what is wrong with them is said before any starts.
  webhookEndpoints(own.webhooks ?? [], { env, allowPrivate })
  await using started = new AsyncDisposableStack()
  started.defer(() => new BubblewrapProvider({ dataDir: config.data }).shutdown())
  const { namespace } = config.temporal
  const supervisor = new Supervisor({
    program: path.join(packageRoot, 'worker', `main${extension}`),
    config: { ...own, ...overrides },
    processes: config.worker.processes,
    standby: config.worker.standby,
    env,
    log,
    onDeath: async (death) => {
      const { connection: client } = holdfast.runtime
      const failed = await client.withDeadline(Date.now() + burialMs, () => bury(client, namespace, death))
      if (failed > 0) log(`worker process ${death.pid}: ${failed} of its activities were handed on`)
    },
    onPreview: (sessionId, preview) => bus.publish(sessionId, preview as Parameters<HostBus['publish']>[1]),
  })
  started.defer(() => supervisor.stop())
  bus.onInterest = (sessionId, isWanted) => supervisor.wantPreviews(sessionId, isWanted)
  bus.onInterrupted = (sessionId, sentAt) => supervisor.interrupted(sessionId, sentAt)
  await supervisor.start()
  const running = started.move()
  return Object.assign(supervisor, { [Symbol.asyncDispose]: () => running.disposeAsync() })
}

/** The HTTP API. */
export async function startApi(
  { config, log }: PartOptions,
  holdfast: Holdfast,
): Promise<{ url: string } & AsyncDisposable> {
  const { server, secrets } = config
  const housekeeping = keepHouse(holdfast.runtime, log)
  try {
    const http = await startServer({
      api: holdfast,
      apiKeys: secrets.apiKeys,
      host: server.host,
      port: server.port,
      log,
      rates: ratesFor(config.limits, server.host),
    })
    return {
      url: http.url,
      async [Symbol.asyncDispose]() {
        await http.close()
        await housekeeping.stop()
      },
    }
  } catch (error) {
    await housekeeping.stop()
    throw error
  }
}

/** After this the server's own time-outs have found the death too. */
const burialMs = 10_000
