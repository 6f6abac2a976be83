import type { Connection, ConnectionOptions } from '@temporalio/client'
import type { Bus } from '../log/bus.ts'
import type { HoldfastCodec } from '../log/payload-codec.ts'
import type { SessionLogs } from '../log/session-logs.ts'
import type { SessionSettings } from '../protocol/contract.ts'
import type { Prices } from '../protocol/prices.ts'
import type { Blobs } from '../store/blobs.ts'
import type { Records } from '../store/records.ts'
import type { SecretBox } from '../store/secrets.ts'

/** What the library works with: the three places of durable state and the way to the workers' previews. */
export interface Runtime {
  connection: Connection
  /** How Temporal was reached, for workers that connect by themselves. */
  reach: ConnectionOptions
  namespace: string
  taskQueue: string
  codec: HoldfastCodec
  records: Records
  blobs: Blobs
  logs: SessionLogs
  bus: Bus
  settings: SessionSettings
  /** Beside the list prices, or in their place. */
  prices?: Prices
  /** Seals the secrets that go into the records. */
  secrets: SecretBox
  /** Host names, addresses or CIDRs that may be reached although private. */
  allowPrivate: readonly string[]
  /** There is a provider for `web_search`. */
  webSearch: boolean
}
