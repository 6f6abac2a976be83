import { connectForReading } from '../client/connection.ts'
import { HoldfastCodec } from '../log/payload-codec.ts'
import type { HistorySource } from '../log/tail.ts'
import type { Blobs } from '../store/blobs.ts'
import { openBlobs } from '../store/open-blobs.ts'
import { type Config, loadConfig } from '../worker/config/load-config.ts'
import { connectionOptions } from '../worker/config/temporal-connection.ts'
import { runningHost } from '../worker/running-host.ts'

export interface HistoriesOptions {
  data?: string
  env?: NodeJS.ProcessEnv
  /** Root of the project. @default process.cwd() */
  cwd?: string
}

/** Histories and blobs of the configured host, for the commands that look at them without it. */
export interface Histories extends HistorySource {
  codec: HoldfastCodec
  blobs: Blobs
}

/** @throws Error when Temporal cannot be reached */
export async function openHistories({ data, ...where }: HistoriesOptions): Promise<Histories> {
  const config = await loadConfig({ ...where, overrides: { ...(data !== undefined && { data }) } })
  const { encryptionKey } = config.secrets
  const blobs = await openBlobs(config.blobs)
  const codec = new HoldfastCodec({ blobs, ...(encryptionKey && { key: encryptionKey }) })
  return { ...(await reach(config)), codec, blobs }
}

/** The configured server, or the one of the `holdfast dev` that runs on the data folder. */
async function reach({ temporal, data }: Config) {
  const running = temporal.connection ? undefined : await runningHost(data)
  const connection = temporal.connection ?? (running && { address: running.temporal.address })
  if (!connection) {
    throw new Error(
      `nothing runs on the data folder ${data}: start \`holdfast dev\`, or export TEMPORAL_ADDRESS=HOST:7233`,
    )
  }
  const namespace = running?.temporal.namespace ?? temporal.namespace
  return { connection: await connectForReading(connectionOptions(connection)), namespace }
}
