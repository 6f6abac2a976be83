import { CancellationScope, workflowInfo } from '@temporalio/workflow'
import type { EventParamsInput } from '../protocol/events.ts'

let sessionsStarted = 0
const timesSent = new Map<string, number>()
let firstAttempt: Promise<string> | undefined

/**
 * Names the workflow's next session. Without randomness: a pipeline that is replayed, retried, reset or continued as new
 * counts the same, so it finds its session again. Each run of a cron schedule is a pipeline of its own.
 */
export async function nextSessionKey(findFirstAttempt: () => Promise<string>): Promise<string> {
  const { firstExecutionRunId, cronSchedule } = workflowInfo()
  const count = ++sessionsStarted
  return `${ownName()}/${cronSchedule ? await ownRun(findFirstAttempt) : firstExecutionRunId}/${count}`
}

/**
 * Names what is sent to a session. The same words are counted, not the calls: a retry that gets on in another order, or has
 * something else to say, repeats what was sent before and sends what was not. A run that was continued as new sends anew.
 */
export async function nextSendKey(
  sessionId: string,
  events: EventParamsInput[],
  findFirstAttempt: () => Promise<string>,
): Promise<string> {
  const words = `${sessionId}/${JSON.stringify(events)}`
  const count = (timesSent.get(words) ?? 0) + 1
  timesSent.set(words, count)
  return `${ownName()}/${await ownRun(findFirstAttempt)}/${count}`
}

/** Of a long id the end: a key has at most 255 characters, and its run alone tells it from those of other workflows. */
const ownName = () => workflowInfo().workflowId.slice(-140)

/** The same for all attempts of a run and for its resets. A run does not know which one it is a retry of: that is asked. */
function ownRun(findFirstAttempt: () => Promise<string>): Promise<string> | string {
  const { attempt, originalExecutionRunId } = workflowInfo()
  if (attempt === 1) return originalExecutionRunId
  // Everybody waits for the one answer: nobody's cancellation may take it from the others.
  firstAttempt ??= CancellationScope.nonCancellable(findFirstAttempt)
  return firstAttempt
}
