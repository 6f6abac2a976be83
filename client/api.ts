import type { Readable } from 'node:stream'
import type {
  Agent,
  AgentCreateParams,
  AgentListParams,
  AgentUpdateParams,
  AgentVersionListParams,
} from '../protocol/agents.ts'
import type { ServedTool } from '../protocol/contract.ts'
import type {
  Environment,
  EnvironmentCreateParams,
  EnvironmentListParams,
  EnvironmentUpdateParams,
} from '../protocol/environments.ts'
import type { EventSendParams, SessionEvent, StreamEvent, UserEvent } from '../protocol/events.ts'
import type { FileListParams, FileMetadata, FileUploadParams } from '../protocol/files.ts'
import type { BidirectionalPage, Page } from '../protocol/pagination.ts'
import type {
  FileResource,
  FileResourceParams,
  RepositoryResource,
  ResourceListParams,
  Session,
  SessionCreateParams,
  SessionListParams,
  SessionResource,
  SessionUpdateParams,
} from '../protocol/sessions.ts'
import type { SessionThread, ThreadEventListParams, ThreadListParams } from '../protocol/threads.ts'
import type { SendOptions } from './accept.ts'
import type { DeploymentRunsApi, DeploymentsApi } from './deployments-api.ts'
import type { MemoryStoresApi } from './memory-api.ts'
import type { SkillsApi } from './skills-api.ts'
import type { VaultsApi } from './vaults-api.ts'

/**
 * The API as a library: the resources, method names and parameters of the official SDK's `client.beta`. Every method
 * checks its input and throws ApiError with the status that the HTTP API answers; the HTTP server adds nothing.
 */
export interface HoldfastApi {
  agents: AgentsApi
  deployments: DeploymentsApi
  deploymentRuns: DeploymentRunsApi
  environments: EnvironmentsApi
  files: FilesApi
  memoryStores: MemoryStoresApi
  sessions: SessionsApi
  skills: SkillsApi
  vaults: VaultsApi
}

export interface AgentsApi {
  create(params: AgentCreateParams): Promise<Agent>
  retrieve(agentId: string, params?: { version?: number }): Promise<Agent>
  update(agentId: string, params: AgentUpdateParams): Promise<Agent>
  list(params?: AgentListParams): Promise<Page<Agent>>
  archive(agentId: string): Promise<Agent>
  versions: { list(agentId: string, params?: AgentVersionListParams): Promise<Page<Agent>> }
}

export interface EnvironmentsApi {
  create(params: EnvironmentCreateParams): Promise<Environment>
  retrieve(environmentId: string): Promise<Environment>
  update(environmentId: string, params: EnvironmentUpdateParams): Promise<Environment>
  list(params?: EnvironmentListParams): Promise<Page<Environment>>
  archive(environmentId: string): Promise<Environment>
  delete(environmentId: string): Promise<{ id: string; type: 'environment_deleted' }>
}

export interface UploadOptions {
  /** The content is a stream whose buffers nobody else uses and none of which comes twice; they are empty afterwards. @default false */
  ownsBuffers?: boolean
}

export interface FilesApi {
  upload(params: FileUploadParams, options?: UploadOptions): Promise<FileMetadata>
  retrieveMetadata(fileId: string): Promise<FileMetadata>
  list(params?: FileListParams): Promise<Page<FileMetadata>>
  /** The content as a stream, with what its headers need. */
  download(fileId: string): Promise<{ metadata: FileMetadata; content: Readable }>
  delete(fileId: string): Promise<{ id: string; type: 'file_deleted' }>
}

export interface SessionsApi {
  /**
   * @param options.idempotencyKey the same key gives the same session, however often a crashed caller repeats it
   * @param options.tools custom tools of the agent that workers of yours run, see `defineTool`
   */
  create(
    params: SessionCreateParams,
    options?: { idempotencyKey?: string; tools?: { served: Record<string, ServedTool> } },
  ): Promise<Session>
  retrieve(sessionId: string): Promise<Session>
  update(sessionId: string, params: SessionUpdateParams): Promise<Session>
  list(params?: SessionListParams): Promise<BidirectionalPage<Session>>
  archive(sessionId: string): Promise<Session>
  delete(sessionId: string): Promise<{ id: string; type: 'session_deleted' }>
  events: SessionEventsApi
  resources: SessionResourcesApi
  threads: SessionThreadsApi
}

export interface SessionResourcesApi {
  list(sessionId: string, params?: ResourceListParams): Promise<Page<SessionResource>>
  /** Adds a file, also to a session that runs: it is in the container with the next tool call. */
  add(sessionId: string, params: FileResourceParams): Promise<FileResource>
  retrieve(resourceId: string, params: { session_id: string }): Promise<FileResource | RepositoryResource>
  /** Replaces the token of a repository; what the session does next uses the new one. */
  update(resourceId: string, params: { session_id: string; authorization_token: string }): Promise<RepositoryResource>
  /** Takes a file away from the session. */
  delete(resourceId: string, params: { session_id: string }): Promise<{ id: string; type: 'session_resource_deleted' }>
}

export interface EventListParams {
  limit?: number
  page?: string | null
  order?: 'asc' | 'desc'
  types?: string[]
  created_at?: { gt?: string; gte?: string; lt?: string; lte?: string }
}

/** An event of a stream with its place in the log; previews have none. */
export interface StreamedEvent {
  /** Give it as `after` (or as `Last-Event-ID`) to go on behind this event. */
  cursor?: string
  event: StreamEvent
}

/** Events as they come. Closed by leaving the loop, by `await using`, or by the signal. */
export interface EventStream extends AsyncIterable<StreamedEvent>, AsyncDisposable {
  /** The same events, in its place: as many at once as there are. */
  batches?(): AsyncIterable<readonly StreamedEvent[]>
}

export interface EventStreamParams {
  /** Go on behind this cursor; without it the stream begins with what happens from now on. */
  after?: string
  /** Kinds of previews wanted. */
  event_deltas?: string[]
  signal?: AbortSignal
}

export interface SessionEventsApi {
  send(sessionId: string, params: EventSendParams, options?: SendOptions): Promise<{ data: UserEvent[] }>
  list(sessionId: string, params?: EventListParams): Promise<Page<SessionEvent>>
  /**
   * Resolves once the stream is open: whatever is accepted after that is on it. Ends when the session is deleted.
   * Closing the iterator or aborting the signal frees what it holds.
   */
  stream(sessionId: string, params?: EventStreamParams): Promise<EventStream>
}

/** A session has one thread, the primary one: it lives as long as the session, and its events are the session's. */
export interface SessionThreadsApi {
  list(sessionId: string, params?: ThreadListParams): Promise<Page<SessionThread>>
  retrieve(threadId: string, params: { session_id: string }): Promise<SessionThread>
  /** @throws ApiError 400: the primary thread ends with its session */
  archive(threadId: string, params: { session_id: string }): Promise<SessionThread>
  events: {
    list(threadId: string, params: ThreadEventListParams & { session_id: string }): Promise<Page<SessionEvent>>
    /** As the stream of a session's events. */
    stream(threadId: string, params: EventStreamParams & { session_id: string }): Promise<EventStream>
  }
}
