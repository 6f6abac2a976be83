import {
  ApplicationFailure,
  CancellationScope,
  condition,
  defineSignal,
  isCancellation,
  proxyActivities,
  setHandler,
  uuid4,
  workflowInfo,
} from '@temporalio/workflow'
import type { z } from 'zod'
import type { ServedTool, SessionNotice } from '../protocol/contract.ts'
import type { EventParamsInput, StopReason } from '../protocol/events.ts'
import type { SessionCreateParams } from '../protocol/sessions.ts'
import { ResultError, resultOf, withSchema } from '../protocol/typed-results.ts'
import type { SessionActivities } from './activities.ts'

export interface SessionOptions {
  /** Task queue of the workers that have `sessionActivities`. @default 'holdfast', Holdfast's own */
  taskQueue?: string
  /**
   * What happens to the session when the scope that waits for it is cancelled: `interrupt` stops what it is doing.
   * @default 'interrupt'
   */
  onCancel?: 'interrupt' | 'archive' | 'nothing'
}

export interface StartOptions extends SessionOptions {
  /**
   * The same key gives the same session. By default it is made from the workflow's id, its first run, and how many calls
   * came before: a pipeline that is replayed, retried, reset or continued as new finds its session again.
   */
  key?: string
  /** Custom tools of the agent that workers of yours run: what `toolset(…).served` was in the worker. */
  tools?: { served: Record<string, ServedTool> }
}

export interface Idle {
  status: 'idle' | 'terminated'
  /** Why it is idle; null when it has ended. With `requires_action` it waits for answers of a client. */
  stopReason: StopReason | null
}

export interface RunOptions<T> {
  /** The answer is read by this schema; the model is told what was wrong and tries again. */
  output: z.ZodType<T>
  /** How often the model may answer. @default 3 */
  attempts?: number
}

/** Longest wait for a notice before the session is asked again; doubles up to a day. A lost notice costs no more. */
const firstPatience = 10 * 60_000
const longestPatience = 24 * 60 * 60_000

const notice = defineSignal<[SessionNotice]>('holdfast:notice')
const notices = new Map<string, SessionNotice>()
let calls = 0

/** Made without randomness: the same call of the same pipeline has the same key, however often it is tried. */
function nextKey(): string {
  const { workflowId, firstExecutionRunId } = workflowInfo()
  return `${workflowId}/${firstExecutionRunId}/${++calls}`
}

function activities(taskQueue = 'holdfast'): SessionActivities {
  return proxyActivities<SessionActivities>({
    taskQueue,
    startToCloseTimeout: '1 minute',
    retry: { initialInterval: '200ms', maximumInterval: '30s' },
  })
}

/** Starts a session, or finds the one that this call of this pipeline started before. */
export async function startSession(params: SessionCreateParams, options: StartOptions = {}): Promise<WorkflowSession> {
  const { id } = await activities(options.taskQueue).holdfastCreateSession(
    params,
    options.key ?? nextKey(),
    ...(options.tools ? [{ served: options.tools.served }] : []),
  )
  return new WorkflowSession(id, options)
}

/** A handle on a session that exists; nothing is asked before it is used. */
export function getSession(id: string, options: SessionOptions = {}): WorkflowSession {
  return new WorkflowSession(id, options)
}

/** A session as a workflow uses it: deterministic, safe to replay, woken by signals. */
export class WorkflowSession {
  readonly id: string
  readonly #options: SessionOptions
  readonly #activities: SessionActivities

  constructor(id: string, options: SessionOptions) {
    this.id = id
    this.#options = options
    this.#activities = activities(options.taskQueue)
  }

  /** Sends events, or a text as a `user.message`; each call sends once. Resolves when they are in the log for ever. */
  async send(input: string | EventParamsInput | EventParamsInput[]): Promise<void> {
    const key = nextKey()
    await this.#activities.holdfastSend(this.id, eventsOf(input), key)
  }

  /**
   * Waits until the session has nothing to do: what this workflow sent is done, or waits for answers. Takes no time of any
   * worker meanwhile. Cancelling the scope interrupts the session.
   */
  async untilIdle(): Promise<Idle> {
    setHandler(notice, (received) => void notices.set(received.watch, received))
    const watch = uuid4()
    try {
      for (let patience = firstPatience; ; patience = Math.min(longestPatience, patience * 2)) {
        const ended = await this.#activities.holdfastWatch(this.id, watch)
        if (ended) return idleOf(ended)
        if (await condition(() => notices.has(watch), patience)) return idleOf(notices.get(watch)!)
      }
    } catch (error) {
      if (isCancellation(error)) await this.#leave()
      throw error
    } finally {
      notices.delete(watch)
    }
  }

  /**
   * Sends a task, waits for its end, and gives the agent's last message; with `output` as a checked value.
   * @throws ApplicationFailure `SessionStopped` when the turn did not end by itself (its first detail is the stop reason),
   *   `ResultError` when no answer fitted
   */
  async run(task: string): Promise<string>
  async run<T>(task: string, options: RunOptions<T>): Promise<T>
  async run<T>(task: string, options?: RunOptions<T>): Promise<T | string> {
    await this.#turn(options ? withSchema(task, options.output) : task)
    return options ? this.result(options.output, options) : this.answer()
  }

  /** The newest message of the agent, read by a schema; the model may try again when it does not fit. */
  async result<T>(schema: z.ZodType<T>, { attempts }: { attempts?: number } = {}): Promise<T> {
    const conversation = { answer: () => this.answer(), say: (text: string) => this.#turn(text) }
    try {
      return await resultOf(conversation, schema, attempts)
    } catch (error) {
      if (!(error instanceof ResultError)) throw error
      throw ApplicationFailure.create({
        type: 'ResultError',
        message: error.message,
        nonRetryable: true,
        details: [{ answer: error.answer }],
      })
    }
  }

  /** Text of the newest message of the agent. */
  answer(): Promise<string> {
    return this.#activities.holdfastAnswer(this.id)
  }

  /** Stops what the session is doing. */
  interrupt(): Promise<void> {
    return this.send({ type: 'user.interrupt' })
  }

  archive(): Promise<void> {
    return this.#activities.holdfastArchive(this.id)
  }

  async #turn(text: string): Promise<void> {
    await this.send(text)
    const idle = await this.untilIdle()
    if (idle.stopReason?.type === 'end_turn') return
    throw ApplicationFailure.create({
      type: 'SessionStopped',
      message: `session ${this.id} stopped: ${idle.stopReason?.type ?? idle.status}`,
      nonRetryable: true,
      details: [idle.stopReason ?? { type: idle.status }],
    })
  }

  async #leave(): Promise<void> {
    const { onCancel = 'interrupt' } = this.#options
    if (onCancel === 'nothing') return
    await CancellationScope.nonCancellable(async () => {
      await this.interrupt()
      if (onCancel !== 'archive') return
      await this.untilIdle()
      await this.archive()
    })
  }
}

const idleOf = ({ status, stopReason }: SessionNotice): Idle => ({ status, stopReason })

function eventsOf(input: string | EventParamsInput | EventParamsInput[]): EventParamsInput[] {
  if (Array.isArray(input)) return input
  return [typeof input === 'string' ? { type: 'user.message', content: [{ type: 'text', text: input }] } : input]
}
