import type { z } from 'zod'
import { type Cursor, formatCursor, parseCursor } from '../log/cursor.ts'
import { invalidRequest } from '../protocol/errors.ts'
import type { EventParamsInput, SessionEvent, StopReason, UserEvent } from '../protocol/events.ts'
import type { Session as SessionObject } from '../protocol/sessions.ts'
import { resultOf, withSchema } from '../protocol/typed-results.ts'
import { accept } from './accept.ts'
import type { SessionsApi } from './api.ts'
import { HoldfastClosed } from './closed.ts'
import { keyOf } from './idempotency-key.ts'
import type { Runtime } from './runtime.ts'
import { sessionRecord } from './session-record.ts'
import { type Idle, standing, standingAfter } from './standing.ts'
import { textOf, turnOutcome } from './turn-outcome.ts'
import { whenBegun } from './when-begun.ts'

/** An event with its place in the log. */
export interface LoggedEvent {
  /** Give it as `after` to go on behind this event, also in another process. */
  cursor: string
  event: SessionEvent
}

export interface WaitOptions {
  /** Milliseconds after which a turn is no longer waited for. @default no limit */
  timeoutMs?: number
  signal?: AbortSignal
  /** Waits on while the session waits for answers, which others give. @default false */
  throughAnswers?: boolean
}

export interface RunOptions extends WaitOptions {
  idempotencyKey?: string
}

/** A turn did not end by itself: it waits for answers, was refused, ran out of retries or budget, or the session ended. */
export class SessionStopped extends Error {
  override readonly name = 'SessionStopped'
  /** The stop reason's type; `terminated`; `idle` when the session gives no reason. */
  readonly code: StopReason['type'] | 'idle' | 'terminated'

  constructor(sessionId: string, code: SessionStopped['code']) {
    super(`session ${sessionId} stopped: ${code}`)
    this.code = code
  }
}

/** A handle on one session. */
export class Session {
  readonly id: string
  readonly #runtime: Runtime
  readonly #sessions: SessionsApi
  /** Events sent through this handle that the log has not shown as processed, by id. */
  readonly #sent = new Map<string, UserEvent['type']>()

  constructor(id: string, runtime: Runtime, sessions: SessionsApi) {
    this.id = id
    this.#runtime = runtime
    this.#sessions = sessions
  }

  retrieve(): Promise<SessionObject> {
    return this.#sessions.retrieve(this.id)
  }

  /**
   * Sends events, or a text as a `user.message`. Resolves when they are in the log for ever, but for an interrupt of a
   * session that has reached its budget: that has nothing to stop.
   * @param options.idempotencyKey the same key sends once, however often a crashed caller repeats it
   */
  async send(
    input: string | EventParamsInput | EventParamsInput[],
    options: { idempotencyKey?: string } = {},
  ): Promise<UserEvent[]> {
    return this.#send(input, keyOf(options))
  }

  async #send(input: string | EventParamsInput | EventParamsInput[], key: string | undefined): Promise<UserEvent[]> {
    const message = (text: string): EventParamsInput => ({ type: 'user.message', content: [{ type: 'text', text }] })
    const events = typeof input === 'string' ? [message(input)] : Array.isArray(input) ? input : [input]
    const row = await sessionRecord(this.#runtime, this.id)
    const accepted = await accept(this.#runtime, row, { events }, { idempotencyKey: key })
    if (accepted.recorded) for (const event of accepted.events) this.#sent.set(event.id, event.type)
    return accepted.events
  }

  /** Stops what the session is doing; the turn ends idle. */
  async interrupt(): Promise<void> {
    await this.send({ type: 'user.interrupt' })
  }

  /**
   * The log: what is there, then what comes, each event once, in order, as it is processed. Ends when the session does, when
   * the signal aborts, when Holdfast is closed, and when an operator resets the session's workflow.
   * @param options.after go on behind this cursor
   */
  async *events(options: { after?: string; signal?: AbortSignal } = {}): AsyncGenerator<LoggedEvent, void> {
    const after = options.after === undefined ? beginning : parseCursor(options.after)
    if (!after) throw invalidRequest('after: not a cursor of an event')
    const items = await whenBegun(this.#runtime, this.id, () =>
      this.#runtime.logs.get(this.id).follow({ after, signal: options.signal }),
    )
    for await (const { cursor, event, received } of items) {
      if (!received) yield { cursor: formatCursor(cursor), event }
    }
  }

  /**
   * Resolves when the session has nothing to do: what was sent through this handle is processed, no message waits. With
   * the stop reason `requires_action` messages may wait: they do so until the answers have come.
   * @throws TimeoutError when the time is over, HoldfastClosed when Holdfast was closed, and the signal's reason
   */
  async untilIdle(options: WaitOptions = {}): Promise<Idle> {
    const signals = [
      options.signal,
      options.timeoutMs === undefined ? undefined : AbortSignal.timeout(options.timeoutMs),
    ]
    const ended = new AbortController()
    const signal = AbortSignal.any([...signals.filter((given) => given !== undefined), ended.signal])
    const { logs } = this.#runtime
    let log = logs.get(this.id)
    try {
      const items = await whenBegun(this.#runtime, this.id, () => {
        log = logs.get(this.id)
        return log.follow({ signal })
      })
      // Before the view: what is processed behind this comes with the items.
      for (const id of await log.processedOf(this.#sent.keys())) this.#sent.delete(id)
      const view = await log.newest()
      const waiting = new Map(view.waiting.map((event) => [event.id, event.type]))
      let idle = standing(view)
      const settled = () => {
        const isBlocked = idle?.stopReason?.type === 'requires_action'
        const open = [...waiting.values(), ...this.#sent.values()]
        return (
          idle !== undefined &&
          !(isBlocked && options.throughAnswers) &&
          open.every((type) => isBlocked && (type === 'user.message' || type === 'system.message'))
        )
      }
      if (settled()) return idle!
      for await (const item of items) {
        const { event, received } = item
        if (received) waiting.set(event.id, event.type as UserEvent['type'])
        else {
          waiting.delete(event.id)
          this.#sent.delete(event.id)
          idle = standingAfter(event, idle)
        }
        // A message that is processed and the change to running come together: judge only what is whole.
        const isLast = log.tail.newestItem === item
        if ((isLast && settled()) || idle?.status === 'terminated') return idle!
      }
      signal.throwIfAborted()
      if (log.tail.ended && !log.tail.current?.closed) throw new HoldfastClosed(this.id)
      return { status: 'terminated', stopReason: null }
    } catch (error) {
      // What it was reading when the connection went says nothing.
      if (log.tail.ended && !log.tail.current?.closed && !signal.aborted) throw new HoldfastClosed(this.id, error)
      throw error
    } finally {
      ended.abort()
    }
  }

  /** Text of the newest message of the agent; empty when there is none. */
  async answer(): Promise<string> {
    return whenBegun(this.#runtime, this.id, async () => {
      for await (const { event } of this.#runtime.logs.get(this.id).list({ order: 'desc' })) {
        if (event.type === 'agent.message') return textOf(event)
      }
      return ''
    })
  }

  /**
   * Sends a task, waits for its end, and gives the agent's last message; with `output` as a value that fits the schema:
   * the model is told what it has to look like, and what was wrong when it does not.
   * @param options.attempts how often the model may answer. Default: 3
   * @param options.idempotencyKey the same key sends the task once, however often a crashed caller repeats it
   * @throws SessionStopped when the turn did not end by itself, ResultError when no answer fitted
   */
  run(task: string, options?: RunOptions): Promise<string>
  run<T>(task: string, options: RunOptions & { output: z.ZodType<T>; attempts?: number }): Promise<T>
  async run<T>(
    task: string,
    options: RunOptions & { output?: z.ZodType<T>; attempts?: number } = {},
  ): Promise<T | string> {
    const { output, ...rest } = options
    const answer = await this.#turn(output ? withSchema(task, output) : task, keyOf(rest), rest)
    return output ? this.#read(answer, output, rest) : answer
  }

  /**
   * The newest message of the agent, read by a schema. The model is told what was wrong and tries again.
   * @throws ResultError when no answer fitted, SessionStopped when a turn did not end by itself
   */
  async result<T>(schema: z.ZodType<T>, options: RunOptions & { attempts?: number } = {}): Promise<T> {
    return this.#read(await this.answer(), schema, options)
  }

  #read<T>(answer: string, schema: z.ZodType<T>, options: RunOptions & { attempts?: number }): Promise<T> {
    const key = keyOf(options)
    const say = (text: string, attempt: number) => this.#turn(text, key && `${key}/${attempt}`, options)
    return resultOf(answer, say, schema, options.attempts)
  }

  /** Sends a text and gives the answer to it, which is not the newest one when this is a repetition. */
  async #turn(text: string, key: string | undefined, wait: WaitOptions): Promise<string> {
    const [sent] = await this.#send(text, key)
    const { status, stopReason: newest } = await this.untilIdle(wait)
    const { answer, stopReason } = (await turnOutcome(this.#runtime.logs.get(this.id), sent!.id)) ?? {
      answer: '',
      stopReason: newest,
    }
    if (stopReason?.type !== 'end_turn') throw new SessionStopped(this.id, stopReason?.type ?? status)
    return answer
  }

  archive(): Promise<SessionObject> {
    return this.#sessions.archive(this.id)
  }

  delete(): Promise<{ id: string; type: 'session_deleted' }> {
    return this.#sessions.delete(this.id)
  }
}

const beginning: Cursor = { run: 0, event: 0, index: -1 }
