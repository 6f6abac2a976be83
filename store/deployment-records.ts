import type { DeploymentInitialEvent, DeploymentRun, PausedReason, StoredDeployment } from '../protocol/deployments.ts'
import type { ListQuery, Rows } from './records.ts'

/** A deployment and when the newest run of its clock was taken down. */
export interface DeploymentRecord {
  deployment: StoredDeployment
  lastRunAt: string | null
}

export interface DeploymentRecords {
  /** False, and nothing stored, when it has a schedule and `mostScheduled` others that are not archived have one. */
  insert(deployment: StoredDeployment, mostScheduled: number): Promise<boolean>
  get(id: string): Promise<DeploymentRecord | undefined>
  /**
   * Stores a change that was made from `before`. Changes nothing when that is not the newest state (`outrun`), or when it
   * brings a schedule and there are `mostScheduled` others (`full`).
   */
  update(
    deployment: StoredDeployment,
    before: StoredDeployment,
    mostScheduled: number,
  ): Promise<'stored' | 'outrun' | 'full'>
  /** Those of an agent that are not archived. */
  liveOf(agentId: string): Promise<StoredDeployment[]>
  list(query: ListQuery & { agentId?: string; status?: 'active' | 'paused' }): Promise<Rows<DeploymentRecord>>
}

/** A run and what knows it again. */
export interface DeploymentRunRecord {
  run: DeploymentRun
  /** No two runs have the same: a session has it for its idempotency key. */
  key: string
  /** What the session begins with, until it is certain that its workflow was started. */
  pending: DeploymentInitialEvent[] | null
}

export interface DeploymentRunRecords {
  get(id: string): Promise<DeploymentRun | undefined>
  getByKey(key: string): Promise<DeploymentRunRecord | undefined>
  /**
   * Takes down a run that made no session, and pauses its deployment for that reason, if there is one. The run of this key
   * that is there by then. A run that makes a session is stored with it (`SessionRecords.insert`).
   */
  fail(record: DeploymentRunRecord, pause: PausedReason | undefined): Promise<DeploymentRun>
  /** The workflow of the run's session was started. */
  begun(key: string): Promise<void>
  /** Takes back a run whose session could not be started. */
  delete(key: string): Promise<void>
  /** Runs taken down before a time whose sessions are perhaps not started, in the order of their keys, behind `after`. */
  pendingBefore(at: string, query: { limit: number; after?: string }): Promise<DeploymentRunRecord[]>
  list(
    query: ListQuery & { deploymentId?: string; hasError?: boolean; trigger?: 'schedule' | 'manual' },
  ): Promise<Rows<DeploymentRun>>
}
