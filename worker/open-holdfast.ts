import { Holdfast } from '../client/holdfast.ts'
import type { Bus } from '../log/bus.ts'
import { openBlobs } from '../store/open-blobs.ts'
import { openRecords } from '../store/open-records.ts'
import { openSecrets } from '../store/secrets.ts'
import { type Config, type LoadOptions, loadConfig } from './config/load-config.ts'
import { connectionOptions, type TemporalConnection } from './config/temporal-connection.ts'
import { runningHost } from './running-host.ts'

/**
 * Opens the library as the project is configured: `temporal.config.ts` and the environment, or the `holdfast dev` that
 * runs on the project's data folder. Close it when done.
 * @throws ConfigError for a wrong setting, Error with the way out when no Temporal server is known
 */
export async function openHoldfast(options: LoadOptions = {}): Promise<Holdfast> {
  const config = await loadConfig(options)
  const { temporal } = config
  const connection = temporal.connection ?? (await runningHost(config.data))?.temporal
  if (!connection) {
    throw new Error(
      `no Temporal server is known: start \`holdfast dev\` (its data would be in ${config.data}), or set TEMPORAL_ADDRESS`,
    )
  }
  return connectHoldfast({ config, connection })
}

/**
 * The library on the configured stores.
 * @param bus the way to the workers of this machine
 */
export async function connectHoldfast(
  { config, connection }: { config: Config; connection: TemporalConnection },
  bus?: Bus,
): Promise<Holdfast> {
  const { temporal, secrets } = config
  return Holdfast.connect({
    connection: connectionOptions(connection),
    namespace: temporal.namespace,
    taskQueue: temporal.taskQueue,
    records: await openRecords(config.records),
    blobs: await openBlobs(config.blobs),
    settings: config.session,
    ...(config.model.prices && { prices: config.model.prices }),
    secrets: await openSecrets({ key: secrets.encryptionKey, dataDir: config.data }),
    allowPrivate: config.egress.allowPrivate,
    webSearch: config.web.search !== undefined,
    ...(secrets.encryptionKey && { encryptionKey: secrets.encryptionKey }),
    ...(bus && { bus }),
  })
}
