import {
  ActivityCancellationType,
  ActivityFailure,
  ApplicationFailure,
  CancellationScope,
  condition,
  defineSignal,
  isCancellation,
  proxyActivities,
  setHandler,
  uuid4,
} from '@temporalio/workflow'
import type { z } from 'zod'
import { names, noticePatience, type ServedTool, type SessionNotice } from '../protocol/contract.ts'
import type { EventParamsInput, StopReason } from '../protocol/events.ts'
import type { SessionCreateParams } from '../protocol/sessions.ts'
import { ResultError, resultOf, withSchema } from '../protocol/typed-results.ts'
import type { SessionActivities } from './activities.ts'
import { nextSendKey, nextSessionKey } from './keys.ts'

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
   * The same key gives the same session. By default it is made from the workflow's id, its first run, and how many
   * sessions it started before: a pipeline that is replayed, retried, reset or continued as new finds its session again.
   */
  key?: string
  /** Custom tools of the agent that workers of yours run: what `toolset(…).served` was in the worker. */
  tools?: { served: Record<string, ServedTool> }
}

export interface Idle {
  status: 'idle' | 'terminated'
  /** Why it is idle; null when it has ended, and before its first turn. With `requires_action` it waits for answers of a client. */
  stopReason: StopReason | null
}

export interface WaitOptions {
  /** Waits on while the session waits for answers, which others give. @default false */
  throughAnswers?: boolean
}

export interface RunOptions<T> extends WaitOptions {
  /** The answer is read by this schema; the model is told what was wrong and tries again. */
  output: z.ZodType<T>
  /** How often the model may answer. @default 3 */
  attempts?: number
}

const notice = defineSignal<[SessionNotice]>(names.notice)
/** The waits of this workflow, and what they were told. */
const notices = new Map<string, SessionNotice | undefined>()

function activities(taskQueue = 'holdfast'): SessionActivities {
  return proxyActivities<SessionActivities>({
    taskQueue,
    startToCloseTimeout: '1 minute',
    retry: { initialInterval: '200ms', maximumInterval: '30s' },
    // What was sent while the scope was cancelled must be known to be there before it is taken back.
    cancellationType: ActivityCancellationType.WAIT_CANCELLATION_COMPLETED,
  })
}

/** Starts a session, or finds the one that this call of this pipeline started before. */
export async function startSession(params: SessionCreateParams, options: StartOptions = {}): Promise<WorkflowSession> {
  const { holdfastCreateSession, holdfastFirstAttempt } = activities(options.taskQueue)
  const { id } = await holdfastCreateSession(
    params,
    options.key ?? (await nextSessionKey(holdfastFirstAttempt)),
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

  /**
   * Sends events, or a text as a `user.message`; each call sends once. Resolves with their ids when they are in the log for
   * ever. Cancelling the scope meanwhile interrupts the session.
   */
  send(input: string | EventParamsInput | EventParamsInput[]): Promise<string[]> {
    return this.#orLeave(() => this.#send(input))
  }

  /**
   * Waits until the session has nothing to do: what this workflow sent is done, or waits for answers. Takes no time of any
   * worker meanwhile. Cancelling the scope interrupts the session.
   */
  untilIdle(options: WaitOptions = {}): Promise<Idle> {
    return this.#orLeave(() => this.#wait(options))
  }

  async #send(input: string | EventParamsInput | EventParamsInput[]): Promise<string[]> {
    const events = eventsOf(input)
    const key = await nextSendKey(this.id, events, this.#activities.holdfastFirstAttempt)
    return this.#activities.holdfastSend(this.id, events, key)
  }

  async #wait({ throughAnswers }: WaitOptions): Promise<Idle> {
    // A notice of a wait that is over, told twice, is dropped.
    setHandler(notice, (received) => void (notices.has(received.watch) && notices.set(received.watch, received)))
    const watch = uuid4()
    notices.set(watch, undefined)
    try {
      for (let patience = noticePatience.first; ; patience = Math.min(noticePatience.longest, patience * 2)) {
        const ended = await this.#activities.holdfastWatch(
          this.id,
          watch,
          ...(throughAnswers ? [{ throughAnswers }] : []),
        )
        if (ended) return idleOf(ended)
        if (await condition(() => notices.get(watch) !== undefined, patience)) return idleOf(notices.get(watch)!)
      }
    } finally {
      notices.delete(watch)
    }
  }

  /**
   * Sends a task, waits for its end, and gives the agent's last message; with `output` as a checked value.
   * @throws ApplicationFailure `SessionStopped` when the turn did not end by itself (its first detail is the stop reason),
   *   `ResultError` when no answer fitted
   */
  async run(task: string, options?: WaitOptions): Promise<string>
  async run<T>(task: string, options: RunOptions<T>): Promise<T>
  async run<T>(task: string, options?: WaitOptions & Partial<RunOptions<T>>): Promise<T | string> {
    const answer = await this.#turn(options?.output ? withSchema(task, options.output) : task, options)
    return options?.output ? this.#read(answer, options.output, options) : answer
  }

  /** The newest message of the agent, read by a schema; the model may try again when it does not fit. */
  async result<T>(schema: z.ZodType<T>, options: WaitOptions & { attempts?: number } = {}): Promise<T> {
    return this.#read(await this.answer(), schema, options)
  }

  async #read<T>(answer: string, schema: z.ZodType<T>, options: WaitOptions & { attempts?: number }): Promise<T> {
    try {
      return await resultOf(answer, (text) => this.#turn(text, options), schema, options.attempts)
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
  async interrupt(): Promise<void> {
    await this.send({ type: 'user.interrupt' })
  }

  archive(): Promise<void> {
    return this.#activities.holdfastArchive(this.id)
  }

  /** Sends a text and gives the answer to it, which is not the newest one when this is a repetition. */
  async #turn(text: string, options: WaitOptions = {}): Promise<string> {
    const [sent] = await this.send(text)
    const idle = await this.untilIdle(options)
    const turn = await this.#activities.holdfastTurn(this.id, sent!)
    if (turn?.stopReason?.type === 'end_turn') return turn.answer
    const reason = turn ? turn.stopReason : idle.stopReason
    throw ApplicationFailure.create({
      type: 'SessionStopped',
      message: `session ${this.id} stopped: ${reason?.type ?? idle.status}`,
      nonRetryable: true,
      details: [reason ?? { type: idle.status }],
    })
  }

  async #orLeave<T>(work: () => Promise<T>): Promise<T> {
    try {
      return await work()
    } catch (error) {
      if (isCancellation(error)) await CancellationScope.nonCancellable(() => this.#leave())
      throw error
    }
  }

  async #leave(): Promise<void> {
    const { onCancel = 'interrupt' } = this.#options
    if (onCancel === 'nothing') return
    try {
      const key = await nextSendKey(this.id, [{ type: 'user.interrupt' }], this.#activities.holdfastFirstAttempt)
      await this.#activities.holdfastStop(this.id, key)
      if (onCancel === 'archive') await this.archive()
    } catch (error) {
      // It has ended meanwhile: there is nothing to leave, and the caller is to hear of the cancellation.
      if (!isRefusal(error)) throw error
    }
  }
}

const isRefusal = (error: unknown) =>
  error instanceof ActivityFailure && error.cause instanceof ApplicationFailure && error.cause.type === 'ApiError'

const idleOf = ({ status, stopReason }: SessionNotice): Idle => ({ status, stopReason })

function eventsOf(input: string | EventParamsInput | EventParamsInput[]): EventParamsInput[] {
  if (Array.isArray(input)) return input
  return [typeof input === 'string' ? { type: 'user.message', content: [{ type: 'text', text: input }] } : input]
}
