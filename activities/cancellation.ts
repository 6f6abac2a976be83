import { ApplicationFailure, activityInfo, Context, cancelled, heartbeat } from '@temporalio/activity'
import { ApplicationFailureCategory } from '@temporalio/common'
import { monotonicMs } from '../log/bus.ts'
import type { SessionLogs } from '../log/session-logs.ts'
import { WORKER_STOPPED } from '../protocol/contract.ts'

export interface StoppableOptions {
  /**
   * The work goes on without this process, and another may have taken it over: then it is stopped only by the workflow's
   * wish. Otherwise it also ends when nobody waits for its result any more. @default false
   */
  outlives?: boolean
}

interface Begun {
  sessionId: string
  at: number
  stop: AbortController
}

/** What runs in this process and can be stopped, by run and activity. */
const running = new Map<string, Begun>()
const keyOf = (runId: string, activityId: string) => `${runId}/${activityId}`

/** Stops activities that their workflow is cancelling, where they run in this process. */
export function stopActivities({ runId }: { runId: string }, activityIds: string[]): void {
  for (const activityId of activityIds) running.get(keyOf(runId, activityId))?.stop.abort(new Error('interrupted'))
}

/**
 * Stops what a session had begun here before an interrupt was sent that is in its log. The workflow is about to cancel
 * these: their results may be there when it sees the interrupt, which saves it a task.
 * @param sentAt on the clock of `monotonicMs`
 */
export function stopBegun(sessionId: string, sentAt: number): void {
  for (const begun of running.values()) {
    if (begun.sessionId === sessionId && begun.at < sentAt) begun.stop.abort(new Error('interrupted'))
  }
}

/** Work that is done sooner needs no watch, which costs Temporal a poll for every step of the session. */
const watchAfterMs = 40
/** A workflow that was in this process lately tells it what it stops: only when it has gone on elsewhere does it not. */
const watchLocalAfterMs = 1000

/** Runs of the workflows that were in this process lately, the newest last. */
const local = new Set<string>()
const localRuns = 1000

/** Takes down that a workflow is in this process. */
export function workflowIsHere({ runId }: { runId: string }): void {
  local.delete(runId)
  local.add(runId)
  if (local.size > localRuns) local.delete(local.values().next().value!)
}

/**
 * Runs work that is stopped when the workflow cancels the activity. Temporal tells an activity only with its next
 * heartbeat. Who took an interrupt on this machine tells at once (`stopBegun`), and so does a workflow in this process
 * (`stopActivities`); the session's history, which is watched, tells within milliseconds what one in another process
 * decided. Who was here lately is trusted to be for a second.
 * Also sends the heartbeats that show that this process is alive.
 */
export async function stoppable<T>(
  logs: SessionLogs,
  sessionId: string,
  work: (signal: AbortSignal) => Promise<T>,
  { outlives = false }: StoppableOptions = {},
): Promise<T> {
  const { activityId, workflowExecution } = activityInfo()
  const stop = new AbortController()
  const runId = workflowExecution?.runId ?? ''
  const key = keyOf(runId, activityId)
  const begun = { sessionId, at: monotonicMs(), stop }
  running.set(key, begun)
  const ended = new AbortController()
  const beat = setInterval(() => heartbeat(), 500)
  const leaving = Promise.withResolvers<never>()
  cancelled().catch((reason) => {
    if (isShutdown()) leaving.reject(workerStopped())
    else if (outlives && !isWanted()) leaving.reject(reason)
    else stop.abort(reason)
  })
  const patienceMs = local.has(runId) ? watchLocalAfterMs : watchAfterMs
  const watching = setTimeout(() => void watch(logs, sessionId, activityId, stop, ended.signal), patienceMs)
  try {
    return await Promise.race([work(stop.signal), leaving.promise])
  } finally {
    clearInterval(beat)
    clearTimeout(watching)
    // With a reason, for without one each takes a stack trace.
    ended.abort('ended')
    if (running.get(key) === begun) running.delete(key)
  }
}

/** The process ends, which is no wish to stop the work: what outlives the process goes on, and is found by the next one. */
function isShutdown(): boolean {
  const { cancellationDetails } = Context.current()
  return cancellationDetails?.workerShutdown === true && !cancellationDetails.cancelRequested
}

/**
 * The workflow wants it stopped. Without that wish the server has given up on this attempt, such as one whose process was
 * frozen for a while: what it began may be in other hands by now.
 */
function isWanted(): boolean {
  return Context.current().cancellationDetails?.cancelRequested === true
}

function workerStopped(): ApplicationFailure {
  const category = ApplicationFailureCategory.BENIGN
  return ApplicationFailure.create({ type: WORKER_STOPPED, message: 'the worker shut down', category })
}

async function watch(
  logs: SessionLogs,
  sessionId: string,
  activityId: string,
  stop: AbortController,
  ended: AbortSignal,
): Promise<void> {
  const { tail } = logs.get(sessionId)
  const release = tail.hold()
  try {
    let seen = 0
    // One that has ended may have been reset since.
    let view = tail.current?.closed ? undefined : tail.current
    while (!ended.aborted) {
      if (!view) {
        view = await tail.catchUp()
        continue
      }
      for (; seen < view.facts.length; seen++) {
        const fact = view.facts[seen]!
        if (fact.kind === 'cancelRequested' && fact.activityId === activityId) stop.abort(new Error('interrupted'))
      }
      if (view.next) {
        view = view.next
        seen = 0
      } else {
        if (view.closed || tail.gone) return
        await view.changed(ended)
      }
    }
  } catch {
    // The heartbeats still bring the cancellation.
  } finally {
    release()
  }
}
