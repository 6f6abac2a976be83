import type { Agent } from '../protocol/agents.ts'
import type { Budget } from '../protocol/budgets.ts'
import type { ServedTool } from '../protocol/contract.ts'
import type { Environment } from '../protocol/environments.ts'
import type { FileMetadata } from '../protocol/files.ts'
import type { SessionAgent, SessionResource } from '../protocol/sessions.ts'
import type { DeploymentRecords, DeploymentRunRecord, DeploymentRunRecords } from './deployment-records.ts'
import type { MemoryRecords, MemoryStoreRecords, MemoryVersionRecords } from './memory-records.ts'
import type { OutputRecords } from './output-records.ts'
import type { SkillRecords } from './skill-records.ts'
import type { SnapshotRecords } from './snapshot-records.ts'
import type { CredentialRecords, VaultRecords } from './vault-records.ts'

/**
 * The rows: agents, environments, files, the index of sessions, and what else is kept beside the log. They are in SQLite
 * or PostgreSQL (`open-records.ts`). Lists are newest first and walk by (created_at, id): a page never repeats or skips a row.
 */
export interface Records {
  agents: AgentRecords
  environments: EnvironmentRecords
  files: FileRecords
  sessions: SessionRecords
  memoryStores: MemoryStoreRecords
  memories: MemoryRecords
  memoryVersions: MemoryVersionRecords
  outputs: OutputRecords
  skills: SkillRecords
  snapshots: SnapshotRecords
  vaults: VaultRecords
  credentials: CredentialRecords
  deployments: DeploymentRecords
  deploymentRuns: DeploymentRunRecords
  close(): Promise<void>
}

/** Where a list goes on: behind (or, backwards, before) this row. */
export interface Position {
  createdAt: string
  id: string
}

export interface ListQuery {
  limit: number
  after?: Position
  /** Walk backwards from `after`; the rows still come in list order. */
  backwards?: boolean
  order?: 'asc' | 'desc'
  createdAt?: { gt?: string; gte?: string; lt?: string; lte?: string }
  includeArchived?: boolean
}

/** One page of rows; `more` says whether others lie behind it in the direction of the walk. */
export interface Rows<T> {
  rows: T[]
  more: boolean
}

export interface AgentRecords {
  insert(agent: Agent): Promise<void>
  /** The newest version, or the given one. */
  get(id: string, version?: number): Promise<Agent | undefined>
  /**
   * Stores the next version in one transaction; `expected` is the version that the change was made from.
   * Returns false, and changes nothing, when the newest version is another.
   */
  update(agent: Agent, expected: number): Promise<boolean>
  /** Archives its deployments too. Again: keeps the first time. */
  archive(id: string, at: string): Promise<Agent | undefined>
  list(query: ListQuery): Promise<Rows<Agent>>
  /** Newest version first; `after` is a version number. */
  versions(id: string, query: { limit: number; after?: number }): Promise<Rows<Agent>>
}

export interface EnvironmentRecords {
  insert(environment: Environment): Promise<void>
  get(id: string): Promise<Environment | undefined>
  /** Stores a change that was made from `before`. Returns false, and changes nothing, when that is not the newest state. */
  update(environment: Environment, before: Environment): Promise<boolean>
  delete(id: string): Promise<boolean>
  list(query: ListQuery): Promise<Rows<Environment>>
}

/** A file and where its content lies. */
export interface FileRecord {
  metadata: FileMetadata
  /** Key of the content in the blobs; empty when the content is gone because the file expired. */
  blob: string
}

/** A file that shares the content of another one, and the id of that. */
export interface FileCopy {
  copy: FileRecord
  of: string
}

export interface FileRecords {
  insert(file: FileRecord): Promise<void>
  /** False when the other one, or its content, is gone. */
  insertCopy(copy: FileCopy): Promise<boolean>
  get(id: string): Promise<FileRecord | undefined>
  /** The known ones among these ids. */
  getMany(ids: string[]): Promise<FileRecord[]>
  delete(id: string): Promise<boolean>
  /** `scope`: files of that session; without it, files that belong to no session. */
  list(query: ListQuery & { scope?: string }): Promise<Rows<FileRecord>>
  /** Files whose content, or else whose row, is to go by this time, the earliest first. */
  due(at: string, limit: number): Promise<FileRecord[]>
  /** Takes down that the content is gone, and when the row is to go. */
  dropContent(id: string, rowDueAt: string): Promise<void>
  /** Files whose content is this blob: a blob goes with its last file. */
  countByBlob(blob: string): Promise<number>
}

/** The index row of a session. Its status is not here: that is Temporal's alone. */
export interface SessionRecord {
  id: string
  environmentId: string
  title: string | null
  metadata: Record<string, string>
  vaultIds: string[]
  budget: Budget | null
  resources: SessionResource[]
  /** Revision of the newest configuration. */
  revision: number
  agentId: string
  agentVersion: number
  createdAt: string
  updatedAt: string
  archivedAt: string | null
  /** Custom tools that workers serve, by name. Not shown by the API. */
  served?: Record<string, ServedTool>
  /** The creator's idempotency key, unique when given. */
  idempotencyKey: string | null
  /** The deployment that it was made of. */
  deploymentId?: string
  /** Set while the session is being erased: everybody sees a 404 from then on. */
  deletedAt: string | null
}

/** Fields of a session's row that change in its life. */
export type SessionChanges = Partial<
  Pick<SessionRecord, 'title' | 'metadata' | 'budget' | 'archivedAt' | 'deletedAt' | 'updatedAt' | 'resources'>
>

/** Sealed secrets of a session's resources, by the resource's id. */
export type SessionSecrets = Record<string, string>

/** Thrown for a session that is to have a skill whose version was deleted. */
export class SkillGone extends Error {
  override readonly name = 'SkillGone'
}

/** Thrown for a session that is to have a file which was deleted. */
export class FileGone extends Error {
  override readonly name = 'FileGone'
  readonly fileId: string
  constructor(fileId: string) {
    super(`file ${fileId} was deleted`)
    this.fileId = fileId
  }
}

export interface SessionRecords {
  /**
   * Stores the row, its first configuration, its secrets, the deployment's run that it is of, and its own files. False, and
   * nothing stored, when the idempotency key, or that of the run, is taken.
   * @throws SkillGone when a version of a skill of the configuration was deleted, FileGone when a file was; then nothing is
   *   stored
   */
  insert(
    session: SessionRecord,
    agent: SessionAgent,
    secrets?: SessionSecrets,
    run?: DeploymentRunRecord,
    files?: FileCopy[],
  ): Promise<boolean>
  get(id: string): Promise<SessionRecord | undefined>
  getByIdempotencyKey(key: string): Promise<SessionRecord | undefined>
  /** The configuration of a revision: the agent as this session runs it. */
  configuration(id: string, revision: number): Promise<SessionAgent | undefined>
  /**
   * Changes fields; with `agent` also stores it as the next revision and returns that number; with `secrets` replaces
   * those that are named. A change that depends on the row is given as a function of it: no other change comes between.
   * It may be asked again, of a newer row. What it throws changes nothing.
   */
  update(
    id: string,
    changes: SessionChanges | ((session: SessionRecord) => SessionChanges),
    agent?: SessionAgent,
    secrets?: SessionSecrets,
  ): Promise<SessionRecord | undefined>
  /** The secrets are in no row that is read for anything else. */
  secrets(id: string): Promise<SessionSecrets>
  /** Removes the row with its configurations and secrets. */
  delete(id: string): Promise<void>
  /** Ids of sessions marked as deleted before this time that are not erased yet, in their order, behind `after`. */
  deletedBefore(at: string, query: { limit: number; after?: string }): Promise<string[]>
  list(
    query: ListQuery & { agentId?: string; agentVersion?: number; deploymentId?: string; memoryStoreId?: string },
  ): Promise<Rows<SessionRecord>>
  /** Sessions that are not archived and use this environment. */
  countByEnvironment(environmentId: string): Promise<number>
}
