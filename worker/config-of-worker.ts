import type { SearchSetting } from '../activities/web/search/open-search.ts'
import type { WebhookSetting } from '../activities/webhooks/endpoints.ts'
import type { SessionSettings } from '../protocol/contract.ts'
import type { Prices } from '../protocol/prices.ts'
import type { BlobsPlace } from '../store/open-blobs.ts'
import type { TemporalConnection } from './config/temporal-connection.ts'
import type { OpenActivity } from './open-activity.ts'

/** What a worker process is told by the one that starts it (environment variable HOLDFAST_WORKER_CONFIG, JSON). */
export interface WorkerConfig {
  identity: string
  connection: TemporalConnection
  namespace: string
  taskQueue: string
  /** Task queue of this host's containers. With one host it is the shared one, so that activities can start eagerly. */
  hostQueue: string
  dataDir: string
  records: { url: string; connections: number }
  blobs: BlobsPlace
  model: {
    baseURL?: string
    maxOutputTokens?: number
    stallTimeoutMs?: number
    compactAtTokens?: number
    prices?: Prices
  }
  container: {
    provider: 'auto' | 'bubblewrap'
    idleMs: number
    limits: { memoryBytes: number; pids: number; cpus: number; tmpBytes: number }
    outputs: { fileBytes: number; totalBytes: number; files: number }
    snapshots: { quietMs: number; longestMs: number; maxBytes: number }
  }
  egress: { allowPrivate: string[] }
  packages: { hosts: string[]; environment: Record<string, string>; aptSources?: string; timeoutMs: number }
  mcp: { connectMs: number; callMs: number }
  webhooks?: WebhookSetting[]
  web?: { search?: SearchSetting }
  settings: SessionSettings
  tuning: { maxCachedWorkflows?: number; maxConcurrentActivities: number; maxConcurrentWorkflowTasks: number }
  shutdownGraceMs: number
}

/** What a worker process says to its supervisor over IPC. */
export type WorkerMessage =
  | { type: 'ready'; identity: string }
  /** A standby has everything loaded and waits for its `work`. */
  | { type: 'standby' }
  | { type: 'activities'; started?: OpenActivity; ended: OpenActivity[] }
  | { type: 'preview'; sessionId: string; preview: unknown }
  /** The answer to `ask`. */
  | { type: 'here' }

/** What the supervisor says to a worker process. */
export type SupervisorMessage =
  /** To a standby: take over. */
  | { type: 'work' }
  /** Whether it is there. */
  | { type: 'ask' }
  /** Whether somebody listens to the previews of these sessions. */
  | { type: 'previews'; sessionIds: string[]; areWanted: boolean }
  /** See `Bus.interrupted`. */
  | { type: 'interrupted'; sessionId: string; sentAt: number }
