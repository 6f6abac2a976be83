import { setImmediate as immediate, setTimeout as wait } from 'node:timers/promises'
import { type Connection, isGrpcServiceError } from '@temporalio/client'
import type { PayloadCodec } from '@temporalio/common'
import { HistoryDecoder } from './decoder.ts'
import { type Fact, isCompletion, isModelStep, isToolResult } from './facts.ts'
import { toNumber } from './history-numbers.ts'
import type { LogItem } from './projection.ts'
import { RunView } from './run-view.ts'
import { TaskPace, TaskTimes } from './task-pace.ts'

const INVALID_ARGUMENT = 3
const NOT_FOUND = 5

/** Where histories are read from. */
export interface HistorySource {
  connection: Connection
  namespace: string
  codec: PayloadCodec
}

/** Temporal does not have the workflow: it never was, was deleted, or is past its retention. */
export class HistoryGone extends Error {
  override readonly name = 'HistoryGone'
}

/**
 * Reads the newest run of a session and follows it from run to run by long poll. One of these per session and process;
 * it polls while somebody holds it, and for `lingerMs` longer.
 */
export class Tail {
  /** The newest run; undefined until its first page is read. */
  current: RunView | undefined
  /** Temporal has nothing (more) of this session. */
  gone = false
  /** Whether this process stopped reading. */
  ended = false
  /** The newest item of the log, in whatever run; undefined when this tail has seen none. */
  newestItem: LogItem | undefined
  readonly #source: HistorySource
  readonly #workflowId: string
  readonly #lingerMs: number
  #runId = ''
  readonly #visited = new Set<string>()
  #token: Uint8Array | undefined
  #decoder: HistoryDecoder
  /** Newest history event read of the run, whatever its kind. */
  #seen = 0
  #holders = 0
  #linger: NodeJS.Timeout | undefined
  #abort: AbortController | undefined
  #pumped: Promise<void> | undefined
  #progress = Promise.withResolvers<void>()
  readonly #pace: TaskPace
  /** How many wait for what the history holds by now. */
  #hurried = 0
  /** Ends the pause between two polls. */
  #rested: AbortController | undefined
  /** Why what the server gave could not be read the last time. */
  #unreadable: unknown

  constructor(source: HistorySource, workflowId: string, { lingerMs = 1000, taskTimes = new TaskTimes() } = {}) {
    this.#source = source
    this.#workflowId = workflowId
    this.#lingerMs = lingerMs
    this.#pace = new TaskPace(taskTimes)
    this.#decoder = new HistoryDecoder(source.codec)
  }

  /** Whether somebody reads, or did a moment ago. */
  get held(): boolean {
    return this.#holders > 0 || this.#linger !== undefined
  }

  /** Keeps the tail reading until the returned function is called. */
  hold(): () => void {
    this.#holders++
    clearTimeout(this.#linger)
    this.#linger = undefined
    this.#start()
    let released = false
    return () => {
      if (released) return
      released = true
      if (--this.#holders > 0) return
      if (this.#lingerMs === 0) return this.#abort?.abort()
      this.#linger = setTimeout(() => {
        this.#linger = undefined
        this.#abort?.abort()
      }, this.#lingerMs)
      this.#linger.unref()
    }
  }

  /**
   * The newest run, holding everything that was in the history when this was called. Hold the tail meanwhile.
   * @throws HistoryGone when Temporal does not have the session
   * @throws Error when its events cannot be read, because their key or their blobs are missing
   */
  async catchUp(): Promise<RunView> {
    const closed = this.current?.closed ? this.current : undefined
    if (closed && (this.gone || isCompletion(closed.facts.at(-1)))) return closed
    const newest = await this.#described().catch((error) => {
      if (!closed || !(error instanceof HistoryGone)) throw error
    })
    if (!newest) return closed!
    const { runId, length } = newest
    // What was ended from outside lives on when an operator has reset it.
    if (this.current?.closed && !this.#visited.has(runId)) {
      this.#startOver(runId)
      this.#start()
    }
    const reached = () =>
      this.current !== undefined && (this.#runId === runId ? this.#seen >= length : this.#visited.has(runId))
    this.#hurried++
    this.#rested?.abort()
    try {
      while (!this.gone && !this.current?.closed && !reached()) {
        await this.#progress.promise
        if (this.#unreadable && !reached()) throw this.#unreadable
      }
    } finally {
      this.#hurried--
    }
    if (!this.current) throw new HistoryGone(this.#workflowId)
    return this.current
  }

  /** Describes, also over a short absence of the server. */
  async #described(): Promise<{ runId: string; length: number }> {
    for (let failures = 0; ; failures++) {
      try {
        return await this.#describe()
      } catch (error) {
        if (error instanceof HistoryGone || this.gone || failures === 8) throw error
        await wait(Math.min(2000, 50 * 2 ** failures))
      }
    }
  }

  /** Stops reading for good; who still waits is let go. */
  async end(): Promise<void> {
    clearTimeout(this.#linger)
    this.gone = true
    this.ended = true
    this.#abort?.abort()
    await this.#pumped
    this.#notify()
  }

  async #describe(): Promise<{ runId: string; length: number }> {
    try {
      const { connection, namespace } = this.#source
      const { workflowExecutionInfo: info } = await connection.workflowService.describeWorkflowExecution({
        namespace,
        execution: { workflowId: this.#workflowId },
      })
      return { runId: info?.execution?.runId ?? '', length: Number(info?.historyLength ?? 0) }
    } catch (error) {
      if (isNotFound(error)) throw new HistoryGone(this.#workflowId, { cause: error })
      throw error
    }
  }

  #enter(runId: string): void {
    this.#runId = runId
    this.#visited.add(runId)
    this.#token = undefined
    this.#seen = 0
  }

  #start(): void {
    if (this.#pumped || this.gone || this.current?.closed) return
    this.#abort = new AbortController()
    this.#pumped = this.#pump(this.#abort.signal).finally(() => {
      this.#pumped = undefined
      // Somebody came while this was stopping.
      if (this.#holders > 0) this.#start()
    })
  }

  async #pump(signal: AbortSignal): Promise<void> {
    for (let failures = 0; !signal.aborted && !this.gone && !this.current?.closed; ) {
      try {
        if (!this.#runId) this.#enter((await this.#describe()).runId)
        await this.#page(signal)
        failures = 0
        this.#unreadable = undefined
        // Who waited for this page and needs no more lets go now, before the next poll is sent.
        if (this.#lingerMs === 0) await immediate()
        await this.#rest(signal)
      } catch (error) {
        if (signal.aborted) break
        if (error instanceof HistoryGone || isNotFound(error)) {
          this.gone = true
          this.#notify()
          break
        }
        // A token that is refused after a reset of the workflow: read the run again, what is known is skipped.
        if (isGrpcServiceError(error) && error.code === INVALID_ARGUMENT) this.#token = undefined
        // Not the server's doing: who waits for it has to know. It is tried again, for the blobs may come back.
        if (!isGrpcServiceError(error)) {
          this.#unreadable = error
          this.#notify()
        }
        // The server is away or sheds load: go on asking, readers keep what they have.
        await wait(Math.min(2000, 20 * 2 ** failures++) * (0.5 + Math.random()), undefined, { signal }).catch(() => {})
      }
    }
  }

  /**
   * Nothing new can come before the task that is on its way ends. Who has to know at once does not wait for that: nor
   * whoever waits for the end of a turn, which a poll that is already there sees some milliseconds sooner.
   */
  async #rest(signal: AbortSignal): Promise<void> {
    const { pauseMs } = this.#pace
    if (this.#hurried || pauseMs === 0 || endsTurn(this.current?.facts.at(-1))) return
    this.#rested = new AbortController()
    await wait(pauseMs, undefined, { signal: AbortSignal.any([signal, this.#rested.signal]) }).catch(() => {})
    this.#rested = undefined
  }

  async #page(signal: AbortSignal): Promise<void> {
    const { connection, namespace } = this.#source
    const request = {
      namespace,
      execution: { workflowId: this.#workflowId, ...(!this.#token && { runId: this.#runId }) },
      // Without it the server returns no token at the end of an open run, and there would be nothing to go on from.
      waitNewEvent: true,
      nextPageToken: this.#token,
    }
    const response = await once(signal, (signal) =>
      connection.withAbortSignal(signal, () => connection.workflowService.getWorkflowExecutionHistory(request)),
    )
    const events = response.history?.events ?? []
    if (!this.#token) this.#decoder = new HistoryDecoder(this.#source.codec)
    this.#pace.see(events)
    let follow: string | undefined
    let hasGrown = false
    for (const event of events) {
      const fact = await this.#decoder.decode(event)
      if (fact?.kind === 'started') this.#begin(fact.input.run)
      if (fact?.kind === 'closed' && !isCompletion(fact)) {
        const { runId } = await this.#describe()
        if (runId !== this.#runId) return this.#startOver(runId)
      }
      const view = this.current!
      // Also keeps out what a re-read brings again.
      if (fact && fact.id > view.lastId) {
        view.append(fact)
        hasGrown = true
        this.newestItem = view.items.at(-1) ?? this.newestItem
        if (fact.kind === 'continued') follow = fact.runId
        if (fact.kind === 'closed') view.closed = true
      }
      // Last: who asks meanwhile whether an event is read means that it is in the view.
      this.#seen = Math.max(this.#seen, toNumber(event.eventId))
    }
    this.#token = response.nextPageToken?.length ? response.nextPageToken : undefined
    // Most pages say how tasks get on: nothing that the readers of a session, a thousand perhaps, had to wake up for.
    if (hasGrown) this.current?.wake()
    if (follow !== undefined) this.#enter(follow)
    this.#progressed()
  }

  /** A reset: the session lives on with another past. Who follows the old one is let go, and may come again. */
  #startOver(runId: string): void {
    const before = this.current
    this.current = undefined
    this.newestItem = undefined
    this.#enter(runId)
    if (before) {
      before.closed = true
      before.wake()
    }
    this.#notify()
  }

  #begin(run: number): void {
    const previous = this.current
    if (previous?.run === run) return
    this.current = new RunView(run)
    if (previous) {
      previous.next = this.current
      previous.wake()
    }
  }

  #notify(): void {
    this.current?.wake()
    this.#progressed()
  }

  #progressed(): void {
    const { resolve } = this.#progress
    this.#progress = Promise.withResolvers()
    resolve()
  }
}

/** A reply without tool calls, or a call that was interrupted: the session is about to say that it is idle. */
const endsTurn = (newest: Fact | undefined) =>
  newest !== undefined &&
  ((isModelStep(newest) && newest.result.tools.length === 0) ||
    (isToolResult(newest) && newest.result.outcome === 'interrupted'))

/** Temporal's client leaves a listener on the signal of each call: with one for them all, every poll costs more than the one before. */
async function once<T>(signal: AbortSignal, call: (signal: AbortSignal) => Promise<T>): Promise<T> {
  const own = new AbortController()
  const abort = () => own.abort()
  signal.throwIfAborted()
  signal.addEventListener('abort', abort)
  try {
    return await call(own.signal)
  } finally {
    signal.removeEventListener('abort', abort)
  }
}

export function isNotFound(error: unknown): boolean {
  return isGrpcServiceError(error) && error.code === NOT_FOUND
}
