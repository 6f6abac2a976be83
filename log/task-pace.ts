import type { temporal } from '@temporalio/proto'
import { millisOf } from './history-numbers.ts'

type HistoryEvent = temporal.api.history.v1.IHistoryEvent

/** A worker that is away must not make readers wait. */
const longestMs = 50
const weight = 1 / 8

/** How long workflow tasks take of late, from being scheduled to their end: much the same for all sessions of a machine. */
export class TaskTimes {
  #averageMs = 10

  get averageMs(): number {
    return this.#averageMs
  }

  note(taskMs: number): void {
    this.#averageMs += weight * (Math.min(longestMs, Math.max(0, taskMs)) - this.#averageMs)
  }
}

/**
 * How long a reader of a history need not ask again: while a workflow task is on its way, next comes what it decides. A
 * poll that only sees it being taken costs the server as much as one that brings something.
 */
export class TaskPace {
  readonly #times: TaskTimes
  #scheduledAt: number | undefined
  /** Whether the task's scheduling came with an earlier page: in one page with its end it may be of any time. */
  #isWatched = false

  constructor(times: TaskTimes) {
    this.#times = times
  }

  /** Takes in a page of events, in their order. */
  see(events: HistoryEvent[]): void {
    for (const event of events) {
      const at = millisOf(event.eventTime)
      if (event.workflowTaskScheduledEventAttributes) {
        this.#scheduledAt = at
        this.#isWatched = false
      } else if (event.workflowTaskCompletedEventAttributes) {
        if (this.#scheduledAt !== undefined && this.#isWatched) this.#times.note(at - this.#scheduledAt)
        this.#scheduledAt = undefined
      } else if (event.workflowTaskFailedEventAttributes ?? event.workflowTaskTimedOutEventAttributes) {
        this.#scheduledAt = undefined
      }
    }
    this.#isWatched = this.#scheduledAt !== undefined
  }

  /** Milliseconds to leave the server alone after the events seen so far; 0 when no task is on its way. */
  get pauseMs(): number {
    return this.#scheduledAt === undefined ? 0 : this.#times.averageMs
  }
}
