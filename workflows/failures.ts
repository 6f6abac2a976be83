import { ActivityFailure, ApplicationFailure, TimeoutFailure } from '@temporalio/workflow'
import {
  CONTAINER_UNAVAILABLE,
  MODEL_FAILURE,
  type ModelFailure,
  RECORDS_UNAVAILABLE,
  WORKER_LOST,
  WORKER_STOPPED,
} from '../protocol/contract.ts'

/** What became of an activity that threw. */
export type Failure =
  /** The model's side failed; `failure` says how. */
  | { kind: 'model'; failure: ModelFailure }
  /** Nobody took it in the time given: it was certainly not run. */
  | { kind: 'unstarted'; message: string }
  /** The process that ran it is gone, or does not answer: whether the work was done is not known here. */
  | { kind: 'lost'; message: string }
  /**
   * The process that ran it was told to end, as for a new version, or had no database for the records; what the work left
   * running is still there.
   */
  | { kind: 'stopped'; message: string }
  /** No container could be had; nothing was run. */
  | { kind: 'container'; message: string }
  /** Anything else, such as a bug in an activity. */
  | { kind: 'broken'; message: string }

export function judge(error: unknown): Failure {
  const cause = error instanceof ActivityFailure ? error.cause : error
  if (cause instanceof TimeoutFailure && cause.timeoutType === 'SCHEDULE_TO_START') {
    return { kind: 'unstarted', message: 'no worker took it' }
  }
  if (cause instanceof TimeoutFailure) return { kind: 'lost', message: 'the worker did not answer in time' }
  if (cause instanceof ApplicationFailure) {
    if (cause.type === MODEL_FAILURE) return { kind: 'model', failure: cause.details?.[0] as ModelFailure }
    if (cause.type === WORKER_LOST) return { kind: 'lost', message: 'the worker process ended' }
    if (cause.type === WORKER_STOPPED) return { kind: 'stopped', message: 'the worker process was stopped' }
    if (cause.type === RECORDS_UNAVAILABLE) return { kind: 'stopped', message: 'the records cannot be reached' }
    if (cause.type === CONTAINER_UNAVAILABLE) return { kind: 'container', message: cause.message }
  }
  return { kind: 'broken', message: cause instanceof Error ? cause.message : String(cause) }
}
