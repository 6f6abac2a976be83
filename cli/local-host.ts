import path from 'node:path'
import { BubblewrapProvider } from '../activities/container/bubblewrap/provider.ts'
import { keepPurging } from '../client/expired-files.ts'
import { Holdfast } from '../client/holdfast.ts'
import type { Bus } from '../log/bus.ts'
import { LocalBus } from '../log/bus.ts'
import { startServer } from '../server/main.ts'
import { openBlobs } from '../store/file-blobs.ts'
import { openRecords } from '../store/open-records.ts'
import { openSecrets } from '../store/secrets.ts'
import { bury } from '../worker/bury.ts'
import type { Config } from '../worker/config/load-config.ts'
import { connectionOptions, type TemporalConnection } from '../worker/config/temporal-connection.ts'
import { workerConfig } from '../worker/config/worker-config.ts'
import { lockData } from '../worker/data-lock.ts'
import { extension, packageRoot } from '../worker/package-root.ts'
import { forgetRunningHost, noteRunningHost } from '../worker/running-host.ts'
import { Supervisor } from '../worker/supervisor.ts'
import { checkServer } from '../worker/temporal-server/check-server.ts'
import { keepTemporalRunning } from '../worker/temporal-server/keep-running.ts'
import { resolveBinary } from '../worker/temporal-server/resolve-binary.ts'
import { checkAddress } from './check-address.ts'
import { ratesFor } from './rates.ts'

export interface LocalHost {
  /** Where the HTTP API listens. */
  url: string
  temporal: { address: string; namespace: string; uiUrl?: string }
  /** The library on the same sessions. */
  holdfast: Holdfast
  /** Ids of the worker processes that run now. */
  readonly workerPids: number[]
  /** Requests end, workers finish what they can in their grace time, containers end, Temporal last. */
  stop(): Promise<void>
  /** Ends every process at once. Nothing is lost: the next start on the same data goes on. */
  kill(): void
}

export interface LocalHostOptions {
  log: (line: string) => void
  /** Environment of the worker processes. @default process.env */
  env?: NodeJS.ProcessEnv
}

/** Everything on one machine: Temporal (unless one is configured), the worker processes and the HTTP API. */
export async function startLocalHost(config: Config, { log, env = process.env }: LocalHostOptions): Promise<LocalHost> {
  const { server, temporal, secrets } = config
  const { namespace, taskQueue } = temporal
  // What was started is stopped in the opposite order: at the end, or when a later part does not come up.
  await using started = new AsyncDisposableStack()

  const lock = await lockData(config.data)
  started.defer(() => lock.release())
  await checkAddress(server, secrets.apiKeys)

  const reached = temporal.connection ? await useServer(temporal.connection, namespace) : await ownServer(config, log)
  started.defer(() => reached.stop())
  const { connection } = reached

  const records = await openRecords(config.records)
  const bus: Bus = new LocalBus()
  const holdfast = await Holdfast.connect({
    connection: connectionOptions(connection),
    namespace,
    taskQueue,
    records,
    blobs: await openBlobs(config.blobs),
    settings: config.session,
    ...(config.model.prices && { prices: config.model.prices }),
    secrets: await openSecrets({ key: secrets.encryptionKey, dataDir: config.data }),
    allowPrivate: config.egress.allowPrivate,
    ...(secrets.encryptionKey && { encryptionKey: secrets.encryptionKey }),
    bus,
  })
  started.defer(() => holdfast.close())
  started.defer(() => new BubblewrapProvider({ dataDir: config.data }).shutdown())

  const supervisor = new Supervisor({
    program: path.join(packageRoot, 'worker', `main${extension}`),
    config: workerConfig(config, connection),
    processes: config.worker.processes,
    standby: config.worker.standby,
    env,
    log,
    onDeath: async (death) => {
      const { connection: client } = holdfast.runtime
      const failed = await client.withDeadline(Date.now() + burialMs, () => bury(client, namespace, death))
      if (failed > 0) log(`worker process ${death.pid}: ${failed} of its activities were handed on`)
    },
    onPreview: (sessionId, preview) => bus.publish(sessionId, preview as Parameters<Bus['publish']>[1]),
  })
  started.defer(() => supervisor.stop())
  await supervisor.start()

  const purging = keepPurging(holdfast.runtime, log)
  started.defer(() => purging.stop())
  const rates = ratesFor(config.limits, server.host)
  const http = await startServer({
    api: holdfast,
    apiKeys: secrets.apiKeys,
    host: server.host,
    port: server.port,
    log,
    rates,
  })
  started.defer(() => http.close())
  await noteRunningHost(config.data, { url: http.url, temporal: { address: connection.address, namespace } })
  started.defer(() => forgetRunningHost(config.data))

  const running = started.move()
  return {
    url: http.url,
    temporal: { address: connection.address, namespace, ...(reached.uiUrl && { uiUrl: reached.uiUrl }) },
    holdfast,
    get workerPids() {
      return supervisor.pids
    },
    stop: () => running.disposeAsync(),
    kill() {
      supervisor.kill()
      reached.kill()
    },
  }
}

/** After this the server's own time-outs have found the death too. */
const burialMs = 10_000

interface ReachedServer {
  connection: TemporalConnection
  uiUrl?: string
  stop(): Promise<void>
  kill(): void
}

async function useServer(connection: TemporalConnection, namespace: string): Promise<ReachedServer> {
  await checkServer(connectionOptions(connection), namespace)
  return { connection, async stop() {}, kill() {} }
}

async function ownServer({ data, temporal }: Config, log: (line: string) => void): Promise<ReachedServer> {
  const { port, uiPort } = temporal.embedded
  const server = await keepTemporalRunning(
    {
      dataDir: path.join(data, 'temporal'),
      binary: (await resolveBinary({ report: log })).path,
      namespace: temporal.namespace,
      headless: uiPort === false,
      ...(port !== 0 && { port }),
      ...(uiPort && { uiPort }),
    },
    log,
  )
  return {
    connection: { address: server.address },
    ...(server.uiUrl && { uiUrl: server.uiUrl }),
    stop: () => server.stop(),
    kill: () => server.kill(),
  }
}
