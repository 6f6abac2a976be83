import type { temporal } from '@temporalio/proto'

type HistoryEvent = temporal.api.history.v1.IHistoryEvent

/** A worker that is away must not make readers wait. */
const longestMs = 50
const weight = 1 / 8

/**
 * How long a reader of a history need not ask again: while a workflow task is on its way, next comes what it decides. A
 * poll that only sees it being taken costs the server as much as one that brings something.
 */
export class TaskPace {
  #scheduledAt: number | undefined
  /** Average from a task's being scheduled to its end. */
  #taskMs = 10

  /** Takes in the events of a history, in their order. */
  see(event: HistoryEvent): void {
    if (event.workflowTaskStartedEventAttributes) return
    const at = millis(event)
    if (event.workflowTaskScheduledEventAttributes) {
      this.#scheduledAt = at
    } else if (event.workflowTaskCompletedEventAttributes && this.#scheduledAt !== undefined) {
      this.#taskMs += weight * (Math.min(longestMs, at - this.#scheduledAt) - this.#taskMs)
      this.#scheduledAt = undefined
    } else if (event.workflowTaskFailedEventAttributes ?? event.workflowTaskTimedOutEventAttributes) {
      this.#scheduledAt = undefined
    }
  }

  /** Milliseconds to leave the server alone after the events seen so far; 0 when no task is on its way. */
  get pauseMs(): number {
    return this.#scheduledAt === undefined ? 0 : Math.max(0, this.#taskMs)
  }
}

function millis({ eventTime }: HistoryEvent): number {
  return Number(eventTime?.seconds ?? 0) * 1000 + (eventTime?.nanos ?? 0) / 1e6
}
