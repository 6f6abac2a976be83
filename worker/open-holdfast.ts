import { Holdfast } from '../client/holdfast.ts'
import { openBlobs } from '../store/file-blobs.ts'
import { openRecords } from '../store/open-records.ts'
import { openSecrets } from '../store/secrets.ts'
import { type LoadOptions, loadConfig } from './config/load-config.ts'
import { connectionOptions } from './config/temporal-connection.ts'
import { runningHost } from './running-host.ts'

/**
 * Opens the library as the project is configured: `temporal.config.ts` and the environment, or the `holdfast dev` that
 * runs on the project's data folder. Close it when done.
 * @throws ConfigError for a wrong setting, Error with the way out when no Temporal server is known
 */
export async function openHoldfast(options: LoadOptions = {}): Promise<Holdfast> {
  const config = await loadConfig(options)
  const { temporal, secrets, session } = config
  const connection = temporal.connection ?? (await runningHost(config.data))?.temporal
  if (!connection) {
    throw new Error(
      `no Temporal server is known: start \`holdfast dev\` (its data would be in ${config.data}), or set TEMPORAL_ADDRESS`,
    )
  }
  return Holdfast.connect({
    connection: connectionOptions(connection),
    namespace: temporal.namespace,
    taskQueue: temporal.taskQueue,
    records: await openRecords(config.records),
    blobs: await openBlobs(config.blobs),
    settings: session,
    ...(config.model.prices && { prices: config.model.prices }),
    secrets: await openSecrets({ key: secrets.encryptionKey, dataDir: config.data }),
    allowPrivate: config.egress.allowPrivate,
    webSearch: config.web.search !== undefined,
    ...(secrets.encryptionKey && { encryptionKey: secrets.encryptionKey }),
  })
}
