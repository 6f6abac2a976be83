import { isGrpcServiceError } from '@temporalio/client'
import { defaultPayloadConverter, type Payload } from '@temporalio/common'
import proto from '@temporalio/proto'
import { toNumber } from '../log/history-numbers.ts'
import { isNotFound } from '../log/tail.ts'
import {
  type Command,
  type Delivery,
  type EraseStart,
  names,
  type SessionMemo,
  type SessionStart,
} from '../protocol/contract.ts'
import { rateLimited } from '../protocol/errors.ts'
import { noUsage } from '../protocol/usage.ts'
import { inFront } from './in-front.ts'
import type { Runtime } from './runtime.ts'
import { SentSignals } from './sent-signals.ts'

const ALREADY_EXISTS = 6
/**
 * What a run's history may have when it is sent a message. Temporal ends a workflow with 51,200 events or 50 MB and lets it
 * have 10,000 signals; and a worker that takes the session over has five seconds to replay the run. Interrupts, answers and
 * what the session does itself always have room. A run comes near this only while one step lasts: it rolls over behind it.
 */
const full = { events: 4000, bytes: 6 * 1024 * 1024 }
const { WorkflowIdReusePolicy, WorkflowIdConflictPolicy } = proto.temporal.api.enums.v1

/** A session's workflow seen from outside: raw RPCs, because each must carry exactly what the caller gave. */
export class SessionWorkflow {
  readonly #runtime: Runtime
  readonly #id: string

  constructor(runtime: Runtime, sessionId: string) {
    this.#runtime = runtime
    this.#id = sessionId
  }

  /** Starts the workflow, and returns the state that it begins with. An id that was ever used is left as it is. */
  async start(input: SessionStart): Promise<SessionMemo> {
    const { connection, namespace, taskQueue } = this.#runtime
    const state: SessionMemo = {
      run: 0,
      status: input.initialEvents?.length ? 'running' : 'idle',
      stopReason: null,
      pending: [],
      usage: noUsage(),
      budget: input.budget ?? null,
      updatedAt: Date.now(),
    }
    const request = {
      namespace,
      workflowId: this.#id,
      requestId: `start-${this.#id}`,
      workflowType: { name: names.workflow },
      taskQueue: { name: taskQueue },
      input: { payloads: [await this.#encode(input)] },
      memo: { fields: { [names.state]: await this.#encode(state) } },
      workflowIdReusePolicy: WorkflowIdReusePolicy.WORKFLOW_ID_REUSE_POLICY_REJECT_DUPLICATE,
      workflowIdConflictPolicy: WorkflowIdConflictPolicy.WORKFLOW_ID_CONFLICT_POLICY_FAIL,
      // Bounds how long a task that was handed to a dying worker stays there.
      workflowTaskTimeout: { seconds: 5 as never },
    }
    try {
      await inFront(connection, () => connection.workflowService.startWorkflowExecution(request))
    } catch (error) {
      if (!isGrpcServiceError(error) || error.code !== ALREADY_EXISTS) throw error
    }
    return state
  }

  /**
   * A request that comes twice to the same run is taken once.
   * @param runId only to this run
   * @throws a gRPC NOT_FOUND when the workflow does not exist or has ended, or the run has
   */
  deliver(delivery: Delivery, requestId: string, runId?: string): Promise<void> {
    return this.#signal(names.deliver, delivery, requestId, runId)
  }

  /** The newest run, undefined when Temporal does not know the session. */
  async runId(): Promise<string | undefined> {
    return (await this.#describe())?.execution?.runId ?? undefined
  }

  /** Does nothing when the workflow has ended, and says so with false. */
  async command(command: Command, requestId: string = crypto.randomUUID()): Promise<boolean> {
    try {
      await this.#signal(names.command, command, requestId)
      return true
    } catch (error) {
      if (!isNotFound(error)) throw error
      return false
    }
  }

  async #signal(signalName: string, input: unknown, requestId: string, runId?: string): Promise<void> {
    const { connection, namespace } = this.#runtime
    const payload = await this.#encode(input)
    const request = {
      namespace,
      workflowExecution: { workflowId: this.#id, ...(runId && { runId }) },
      signalName,
      input: { payloads: [payload] },
      requestId,
    }
    SentSignals.of(this.#runtime).add(this.#id, payload.data?.length ?? 0)
    await inFront(connection, () => connection.workflowService.signalWorkflowExecution(request))
  }

  /** The newest state, undefined when Temporal does not know the session. Needs no worker. */
  async state(): Promise<SessionMemo | undefined> {
    const info = await this.#describe()
    const state = await decodeState(this.#runtime, info?.memo)
    return state && endedFromOutside.has(info?.status ?? 0) ? terminated(state) : state
  }

  async #describe() {
    const { connection, namespace } = this.#runtime
    try {
      const { workflowExecutionInfo } = await connection.workflowService.describeWorkflowExecution({
        namespace,
        execution: { workflowId: this.#id },
      })
      return workflowExecutionInfo
    } catch (error) {
      if (isNotFound(error)) return undefined
      throw error
    }
  }

  /**
   * Makes sure that the session can take another signal, whatever else was sent to it while a step lasts. Asks Temporal only
   * of sessions that are sent very much.
   * @throws ApiError 429
   */
  async checkRoom(): Promise<void> {
    const sent = SentSignals.of(this.#runtime)
    if (!sent.areMany(this.#id)) return
    const info = await this.#describe()
    const events = toNumber(info?.historyLength)
    const bytes = toNumber(info?.historySizeBytes)
    if (events < full.events && bytes < full.bytes) return sent.forget(this.#id)
    throw rateLimited(
      `session ${this.#id} has as much waiting as it can hold: it takes more when its step has ended`,
      5,
    )
  }

  async terminate(reason: string): Promise<void> {
    const { connection, namespace } = this.#runtime
    try {
      await connection.workflowService.terminateWorkflowExecution({
        namespace,
        workflowExecution: { workflowId: this.#id },
        reason,
      })
    } catch (error) {
      if (!isNotFound(error)) throw error
    }
  }

  async #encode(value: unknown): Promise<Payload> {
    const payload = defaultPayloadConverter.toPayload(value)
    const [encoded] = await this.#runtime.codec.encode([payload], { workflowId: this.#id })
    return encoded!
  }
}

const { WorkflowExecutionStatus } = proto.temporal.api.enums.v1
const endedFromOutside = new Set<number>([
  WorkflowExecutionStatus.WORKFLOW_EXECUTION_STATUS_TERMINATED,
  WorkflowExecutionStatus.WORKFLOW_EXECUTION_STATUS_CANCELED,
  WorkflowExecutionStatus.WORKFLOW_EXECUTION_STATUS_FAILED,
  WorkflowExecutionStatus.WORKFLOW_EXECUTION_STATUS_TIMED_OUT,
])

/** What a session says that could not say it itself any more. */
function terminated({ activeSince, ...state }: SessionMemo): SessionMemo {
  const usage = { ...state.usage }
  if (activeSince !== undefined) usage.active_seconds += Math.max(0, state.updatedAt - activeSince) / 1000
  return { ...state, usage, status: 'terminated', stopReason: null, pending: [] }
}

/** Starts the workflow that erases a session everywhere. */
export async function startErase(runtime: Runtime, input: EraseStart): Promise<void> {
  const { connection, namespace, taskQueue, codec } = runtime
  const workflowId = `erase-${input.sessionId}`
  const payloads = await codec.encode([defaultPayloadConverter.toPayload(input)], { workflowId })
  await connection.workflowService.startWorkflowExecution({
    namespace,
    workflowId,
    requestId: workflowId,
    workflowType: { name: names.eraseWorkflow },
    taskQueue: { name: taskQueue },
    input: { payloads },
    workflowIdConflictPolicy: WorkflowIdConflictPolicy.WORKFLOW_ID_CONFLICT_POLICY_USE_EXISTING,
  })
}

/** The states of many sessions by one visibility query; those that are closed or unknown are missing. */
export async function statesOf(runtime: Runtime, sessionIds: string[]): Promise<Map<string, SessionMemo>> {
  const states = new Map<string, SessionMemo>()
  if (sessionIds.length === 0) return states
  const ids = sessionIds.map((id) => `'${id}'`).join(', ')
  const { executions } = await runtime.connection.workflowService.listWorkflowExecutions({
    namespace: runtime.namespace,
    pageSize: sessionIds.length,
    query: `ExecutionStatus = 'Running' AND WorkflowId IN (${ids})`,
  })
  for (const { execution, memo } of executions ?? []) {
    const state = await decodeState(runtime, memo)
    if (state) states.set(execution!.workflowId!, state)
  }
  return states
}

async function decodeState(
  { codec }: Runtime,
  memo: { fields?: Record<string, Payload> | null } | null | undefined,
): Promise<SessionMemo | undefined> {
  const payload = memo?.fields?.[names.state]
  if (!payload) return undefined
  const [decoded] = await codec.decode([payload])
  return defaultPayloadConverter.fromPayload<SessionMemo>(decoded!)
}
