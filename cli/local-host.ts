import path from 'node:path'
import type { Holdfast } from '../client/holdfast.ts'
import { isPostgresUrl } from '../store/records-url.ts'
import type { Config } from '../worker/config/load-config.ts'
import { connectionOptions, type TemporalConnection } from '../worker/config/temporal-connection.ts'
import { lockData } from '../worker/data-lock.ts'
import { connectHoldfast } from '../worker/open-holdfast.ts'
import { forgetRunningHost, noteRunningHost } from '../worker/running-host.ts'
import { checkServer } from '../worker/temporal-server/check-server.ts'
import { keepTemporalRunning } from '../worker/temporal-server/keep-running.ts'
import { resolveBinary } from '../worker/temporal-server/resolve-binary.ts'
import { metadata } from '../worker/temporal-server/settings.ts'
import { checkAddress } from './check-address.ts'
import { checkBlobs } from './check-blobs.ts'
import { type PartOptions, startApi, startWorkers } from './host-parts.ts'
import { hostQueue } from './host-queue.ts'
import { openBus } from './open-bus.ts'

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
  const { namespace } = temporal
  // What was started is stopped in the opposite order: at the end, or when a later part does not come up.
  await using started = new AsyncDisposableStack()

  const lock = await lockData(config.data)
  started.defer(() => lock.release())
  await checkAddress(server, secrets.apiKeys)
  await checkBlobs(config, log)

  const reached = temporal.connection ? await useServer(temporal.connection, namespace) : await ownServer(config, log)
  started.defer(() => reached.stop())
  const { connection } = reached

  const parts: PartOptions = { config, connection, log }
  const bus = await openBus(config, started)
  const holdfast = await connectHoldfast(parts, bus)
  started.defer(() => holdfast.close())
  // Where other machines may share Temporal and the records, this host's containers are for its own workers alone.
  const isShared = temporal.connection !== undefined && isPostgresUrl(config.records.url)
  const overrides = isShared ? { hostQueue: await hostQueue(config) } : {}
  const workers = started.use(await startWorkers(parts, holdfast, { bus, env, overrides }))
  const api = started.use(await startApi(parts, holdfast))
  await noteRunningHost(config.data, { url: api.url, temporal: { ...reached.known, namespace } })
  started.defer(() => forgetRunningHost(config.data))

  const running = started.move()
  return {
    url: api.url,
    temporal: { address: connection.address, namespace, ...(reached.uiUrl && { uiUrl: reached.uiUrl }) },
    holdfast,
    get workerPids() {
      return workers.pids
    },
    stop: () => running.disposeAsync(),
    kill() {
      workers.kill()
      reached.kill()
    },
  }
}

interface ReachedServer {
  connection: TemporalConnection
  /** What other processes of the machine may know of it. */
  known: { address: string; metadata?: Record<string, string> }
  uiUrl?: string
  stop(): Promise<void>
  kill(): void
}

async function useServer(connection: TemporalConnection, namespace: string): Promise<ReachedServer> {
  await checkServer(connectionOptions(connection), namespace)
  return { connection, known: { address: connection.address }, async stop() {}, kill() {} }
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
  const connection = { address: server.address, metadata }
  return {
    connection,
    known: connection,
    ...(server.uiUrl && { uiUrl: server.uiUrl }),
    stop: () => server.stop(),
    kill: () => server.kill(),
  }
}
