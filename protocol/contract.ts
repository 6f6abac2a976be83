/**
 * What the durable session and the rooms around it say to each other: the workflow's input, its signals, what it
 * announces, and what its activities take and return. Not part of the public API. Everything here ends up in histories
 * that must replay for ever: change it only as docs/upgrading.md says.
 */

import type { Budget } from './budgets.ts'
import type { ToolResultBlock } from './content.ts'
import type {
  EvaluatedPermission,
  PlainErrorType,
  SessionErrorBody,
  SessionEvent,
  StopDetails,
  StopReason,
  ToolEvaluation,
  UserEvent,
} from './events.ts'
import type { SessionStatus } from './status.ts'
import type { SessionUsage, StepUsage } from './usage.ts'
import type { WebhookEvent } from './webhooks.ts'

/** Names that stand in histories. */
export const names = {
  workflow: 'session',
  deliver: 'deliver',
  command: 'command',
  callModel: 'callModel',
  compact: 'compact',
  runTool: 'runTool',
  serveTool: 'serveTool',
  sealRun: 'sealRun',
  notify: 'notify',
  /** Signal that a watching workflow gets. */
  notice: 'holdfast:notice',
  captureOutputs: 'captureOutputs',
  closeContainer: 'closeContainer',
  eraseWorkflow: 'erase',
  eraseContainer: 'eraseContainer',
  eraseRecords: 'eraseRecords',
  /** Memo keys. */
  announcement: 'announcement',
  state: 'state',
} as const

/** Signal `deliver`: events of the user, with their ids, not yet processed. */
export interface Delivery {
  events: UserEvent[]
  /** The sender gave an idempotency key, from which the ids are made: the same ids may come again. */
  keyed?: boolean
}

/** Signal `command`: what an operation of the API asks of the session itself. */
export type Command =
  | { type: 'archive' }
  /**
   * The session's record changed: one event says how, a new configuration is used from the next step on, and with another
   * budget paused work goes on.
   */
  | { type: 'updated'; changes: Record<string, unknown>; revision?: number; budget?: Budget | null }
  /** Nothing but the budget was raised, or with null removed. */
  | { type: 'budget'; budget: Budget | null }
  /** A workflow wants to be told, once, when the session has nothing to do. */
  | { type: 'watch'; watcher: Watcher }

/** A workflow that waits for a session. Another kind of listener is to say so in a field `kind`. */
export interface Watcher {
  /** Names the wait: the notice carries it, and the same wait is registered once. */
  id: string
  namespace: string
  workflowId: string
  /** Waits on while the session waits for answers: others give them. */
  throughAnswers?: boolean
}

/** What a watching workflow is told: how the session stands. Payload of the signal `holdfast:notice`. */
export interface SessionNotice {
  watch: string
  sessionId: string
  status: 'idle' | 'terminated'
  stopReason: StopReason | null
}

/** Milliseconds of a wait for a notice before the session is asked again; doubles each time. A lost notice costs no more. */
export const noticePatience = { first: 10 * 60_000, longest: 24 * 60 * 60_000 }

/** Input of the activity `notify`. */
export interface NotifyInput {
  watcher: Watcher
  notice: SessionNotice
}

type WithoutStamp<E> = E extends unknown ? Omit<E, 'processed_at'> : never
/** An event made by the workflow; its `processed_at` is the time of the history event that carries it. */
export type AnnouncedEvent = WithoutStamp<SessionEvent>

/** What the workflow has to say, written with `upsertMemo` as one history event. */
export interface Announcement {
  /** Ids of received events that are processed with this announcement; they come before `events`. */
  processed?: string[]
  /** Whether the processed messages were dropped unanswered (the retry budget was spent). They stay in the log. */
  flushed?: boolean
  /**
   * The model's API refuses the messages or results since its last reply for good, or they do not fit: they stay in the
   * log, it does not see them again.
   */
  retracted?: boolean
  events: AnnouncedEvent[]
}

/** The newest state of a session, kept in its memo: readable by describe and list without a worker. */
export interface SessionMemo {
  /** Ordinal of the run in the session's chain of runs. */
  run: number
  status: SessionStatus
  stopReason: StopReason | null
  /** Tool uses that wait for an answer of the client. */
  pending: PendingToolUse[]
  /** Task queue of the host that has the session's container. */
  host?: string
  usage: SessionUsage
  /** Revision of the configuration that the next step will use. */
  revision?: number
  /** The budget is used up: no message is taken. */
  capped?: boolean
  /** The budget that the session goes by; absent in what a workflow of the version before said. */
  budget?: Budget | null
  /** Milliseconds since the epoch at which the session began to be active; absent while it is not. */
  activeSince?: number
  /** Milliseconds since the epoch. */
  updatedAt: number
}

export interface PendingToolUse {
  /** Id of the tool use's event. */
  id: string
  /** The event that answers it. */
  awaits: 'user.tool_confirmation' | 'user.custom_tool_result' | 'user.tool_result'
}

/** Settings the workflow must not read from anywhere else, so that a replay sees the same ones. */
export interface SessionSettings {
  /** History events after which the run is continued as new at the next step boundary. */
  rollOverEvents: number
  /** Attempts of one model request before the turn ends with `retries_exhausted`. */
  modelAttempts: number
  /** First and longest wait between attempts, milliseconds. */
  retryInitialMs: number
  retryMaximumMs: number
  /** Longest time of one model request and of one tool call, milliseconds. */
  modelTimeoutMs: number
  toolTimeoutMs: number
  /** Heartbeat time-out of both, milliseconds: a lost host is noticed after this. */
  heartbeatTimeoutMs: number
  /** Model requests in one turn before it is ended with `tool_use_limit_reached_error`. */
  maxStepsPerTurn: number
  /** There are endpoints that are told what happens to the session. */
  webhooks?: boolean
}

/** Input of the session workflow. */
export interface SessionStart {
  /** Ordinal of the run: 0 for the first. */
  run: number
  /** Name of the agent, for the thread events. */
  agentName: string
  settings: SessionSettings
  /** Revision of the session's configuration in the records. */
  revision: number
  /** Run 0 only: the budget given at creation. */
  budget?: Budget
  /** Run 0 only: events given at creation. */
  initialEvents?: UserEvent[]
  /** Later runs: what goes on from the run before. */
  carried?: Carried
}

/** What one run hands to the next. References and small state, no transcript. */
export interface Carried {
  status: SessionStatus
  stopReason: StopReason | null
  phase: Phase
  /** Events received and not yet processed. */
  inbox: UserEvent[]
  /**
   * Index in `inbox` from where on the events were received after the run before was sealed: they are in no segment.
   */
  lateFrom: number
  /** Ids of the newest events that came with an idempotency key: repetitions of them are ignored. */
  recent: string[]
  commands: Command[]
  /** Workflows that wait for the session. */
  watchers?: Watcher[]
  /** What is not yet handed over to be delivered to webhooks. */
  webhooks?: WebhookEvent[]
  /** Tool uses of the current step and what became of them. */
  tools: OpenToolUse[]
  usage: SessionUsage
  /** Nano-dollars at list price: the exact sum behind `usage.list_cost`. */
  cost?: number
  budget?: Budget | null
  /** The last reply came near the model's window: the next request is preceded by a compaction. */
  nearWindow?: boolean
  /** Compactions since the model's last reply. */
  compactions?: number
  activeMs: number
  activeSince?: number
  steps: number
  host?: string
  /** First run that the model still sees; earlier ones lie behind a compaction. */
  transcriptFrom: number
  /** What the turn has said of MCP servers that failed. */
  noticed?: string[]
}

/**
 * Where the session stands between two steps:
 * `idle` waits for work, `model` is about to ask the model, `tools` is about to run tools, `blocked` waits for answers
 * of the client, `capped` would ask the model and waits for a larger budget.
 */
export type Phase = 'idle' | 'model' | 'tools' | 'blocked' | 'capped'

/** A tool use of the current step. */
export interface OpenToolUse extends ToolCall {
  /** `run`: may run now; `wait`: needs an answer of the client first; `done`: its result is in the log. */
  state: 'run' | 'wait' | 'done'
  attempts: number
  /** Attempts that no worker took: they certainly did not begin. @default 0 */
  unstarted?: number
  /** A custom tool that a worker of the user's runs. */
  served?: ServedTool
}

/** How the calls of a custom tool reach the worker that serves it. */
export interface ServedTool {
  taskQueue: string
  /** Longest time of one attempt, milliseconds. */
  timeoutMs: number
  /** How long a call waits for a worker to take it, milliseconds. */
  pickUpMs: number
  /** Attempts, also after a crash. More than one only for tools that may be repeated. */
  attempts: number
}

/** Input of the activity `serveTool`. */
export interface ServeToolInput {
  sessionId: string
  toolUseId: string
  name: string
  input: Record<string, unknown>
  attempts: number
}

export type ToolKind = 'builtin' | 'custom' | 'mcp' | 'unknown'

/** The event that answers a tool use of this kind, when it waits for the client. */
export function awaitedFor(kind: ToolKind): PendingToolUse['awaits'] {
  return kind === 'custom' ? 'user.custom_tool_result' : 'user.tool_confirmation'
}

/** A tool use of a model reply, as the model activity judged it. */
export interface ToolCall {
  /** Id of its event. */
  id: string
  name: string
  kind: ToolKind
  input: Record<string, unknown>
  permission: EvaluatedPermission
  /** Kind `mcp` only; `name` is then the tool's name there. */
  mcpServer?: string
}

/** Input of the activity `callModel`. Ids only: the prompt is everything in the log before the activity itself. */
export interface CallModelInput {
  run: number
  revision: number
  transcriptFrom: number
  /** Task queue of the host whose container the session uses, when it has one. */
  host?: string
  /** A turn begins: MCP servers that failed before are tried again. */
  begins?: boolean
  /** History events when the request was decided on: with the activity's id it names the handout that goes with it. */
  decidedAt?: number
}

/** What the session saw or said, in the order of the history but without places there: as much as prompts are made of. */
export type HandedFact =
  | { kind: 'started'; input: SessionStart }
  | { kind: 'delivered'; events: UserEvent[] }
  | { kind: 'announced'; announcement: Announcement }
  | { kind: 'completed'; activity: string; activityId: string; result: unknown }

/**
 * What a session hands to the worker that it runs in, beside its history, so that nobody there has to read for a prompt
 * what the workflow has just been told: all that is new since the handout before.
 */
export interface Handout {
  run: number
  /** Counts the handouts of a run, from 0. */
  sequence: number
  facts: HandedFact[]
  /** The model request that is made of it; absent on the last one, with which the run is continued as new. */
  request?: { activityId: string; decidedAt: number }
}

/**
 * What a session tells the worker process that it runs in, beside its history: nothing depends on it, and a process that
 * is told nothing sees the same later, in the history.
 */
export type SessionSinks = {
  prompts: { hand(handout: Handout): void }
  /** These activities of the session are being cancelled. */
  activities: { stop(activityIds: string[]): void }
}

/**
 * A content block of the model's reply as it came, and as it is sent back with the next request, but for what the Messages
 * API would not take back.
 */
export type AssistantBlock = { type: string; [field: string]: unknown }

/** How the log shows the block at `index` of a reply. */
export interface ToolUseNote {
  index: number
  kind: ToolKind
  permission: EvaluatedPermission
  evaluation?: ToolEvaluation
  /** Kind `mcp` only: the server, and the tool's name there; the block has the one that the model knows. */
  mcpServer?: string
  served?: ServedTool
  mcpTool?: string
}

/** An error that does not end the turn. */
export interface StepNotice {
  type: 'mcp_connection_failed_error' | 'mcp_authentication_failed_error'
  mcp_server_name: string
  message: string
}

/** Result of the activity `callModel`. */
export interface ModelStep {
  model: string
  content: AssistantBlock[]
  stop_reason: string | null
  stop_details?: StopDetails | null
  usage: StepUsage
  /** Nano-dollars at list price; absent for a model without one. */
  cost?: number
  /** Prompt and reply come near the model's window. */
  nearWindow?: boolean
  /** One entry for each `tool_use` block, in order. */
  tools: ToolUseNote[]
  /** What the reply had to do without, for the workflow to announce once a turn. */
  notices?: StepNotice[]
  /** Cut by an interrupt: `content` is empty, `usage` is what was known. */
  interrupted?: boolean
  /** The host that the session is bound to from now on. */
  host?: string
  /** The turn may end, and the container is on another host: what the agent left there has not been looked at. */
  elsewhere?: true
}

/** Input of the activity `compact`: as for a model request, of which it is one. */
export type CompactInput = Omit<CallModelInput, 'host'>

/** Result of the activity `compact`. From it on the model sees the summary in the place of what it was made from. */
export interface Compaction {
  model: string
  summary: string
  usage: StepUsage
  cost?: number
  /** First run that the model still sees: messages without an answer stay behind the summary as they are. */
  transcriptFrom: number
}

/** Input of the activity `runTool`. */
export interface RunToolInput {
  toolUseId: string
  /** Of an MCP tool, its name on its server. */
  name: string
  /** Kind `mcp` only. */
  mcpServer?: string
  kind: ToolKind
  input: Record<string, unknown>
  revision: number
  /** Counts the attempts of the call that may have begun, with this one. */
  attempt: number
  /** Ids of the other tool uses that may be running. What else runs in the container nobody waits for any more. */
  beside?: string[]
}

/** Result of the activity `runTool`. */
export interface ToolResult {
  content: ToolResultBlock[]
  is_error: boolean
  /**
   * `done`: the call ended; `interrupted`: it was stopped; `unknown`: whether it ran to its end cannot be known, it is
   * not repeated.
   */
  outcome: 'done' | 'interrupted' | 'unknown'
  /** The host that the session is bound to from now on. */
  host?: string
  /** What the session is to announce beside the result, each as a `session.error`. */
  notices?: SessionErrorBody[]
}

/** Input of the activity `sealRun`. */
export interface SealRunInput {
  run: number
  /** The last state, when the session ends with this run: it is all that is left when Temporal has forgotten it. */
  final?: SessionMemo
}

/** Details of the failure that `callModel` throws: what the workflow needs to decide on a retry. */
export interface ModelFailure {
  error: PlainErrorType
  message: string
  transient: boolean
  /** The request itself was refused: what is in it will be refused again. */
  refused?: boolean
  /** The prompt does not fit into the model's window, or into a request. */
  tooLong?: boolean
  /** What the model's server asked for, milliseconds. */
  retryAfterMs?: number
  /** What the request had cost before it failed; absent when nothing of it is known. */
  usage?: StepUsage
  /** As in a `ModelStep`. */
  cost?: number
  /** As in a `ModelStep`. */
  host?: string
  /** As in a `ModelStep`. */
  elsewhere?: true
}
/** `type` of the ApplicationFailure whose first detail is a ModelFailure. */
export const MODEL_FAILURE = 'ModelFailure'
/** `type` of the failure that is reported for an activity whose worker process was seen to die. */
export const WORKER_LOST = 'WorkerLost'
/** `type` of the failure of an activity whose worker process was told to end: nothing that it did is to blame. */
export const WORKER_STOPPED = 'WorkerStopped'
/** `type` of the failure of an activity that could not read or change the records: their database is away. */
export const RECORDS_UNAVAILABLE = 'RecordsUnavailable'
/** `type` of the failure that `runTool` throws when no container could be had; nothing was run. */
export const CONTAINER_UNAVAILABLE = 'ContainerUnavailable'

/** Input of the workflow that erases a deleted session everywhere. */
export interface EraseStart {
  sessionId: string
  /** Task queue of the host that has its container. */
  host?: string
  /** There are endpoints that are told of it. */
  webhooks?: boolean
}
