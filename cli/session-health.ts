/** What Temporal knows of a session, as far as it says whether the session gets on. Times are milliseconds since the epoch. */
export interface SessionFacts {
  id: string
  /** How its workflow ended, unless it runs or ended as it should. */
  ended?: { how: 'terminated' | 'failed' | 'canceled' | 'timedOut'; reason?: string }
  /** The status that it announced last. */
  status: string
  /** Time of the newest event of its history. */
  lastEventAt: number
  /** An operator reset it to an earlier place of its history. */
  reset?: { at: number; reason?: string }
  /** The task of its workflow that nobody has completed. */
  task?: { since: number; attempt: number; failure?: string }
  activities: OpenActivityFacts[]
  /** Queues that it needs and that nobody polls. */
  unpolled: string[]
  /** Task queue of the host that has its container, when that is one of its own. */
  host?: string
}

export interface OpenActivityFacts {
  name: string
  since: number
  attempt: number
  begun: boolean
  lastHeartbeatAt?: number
  lastFailure?: string
}

export interface Trouble {
  kind:
    | 'ended'
    | 'workflow-task-failing'
    | 'no-worker'
    | 'host-gone'
    | 'activity-failing'
    | 'activity-silent'
    | 'no-progress'
    | 'reset'
  why: string
  /** What to do. */
  fix: string
}

const seconds = (ms: number) => `${Math.round(ms / 1000)} s`

/**
 * Why a session does not get on; empty when nothing is wrong with it.
 * @param boundMs how long nothing may be heard of work that is under way
 */
export function troublesOf(facts: SessionFacts, now: number, boundMs: number): Trouble[] {
  const { ended, task, activities, unpolled, host, reset } = facts
  if (ended) {
    const reason = ended.reason ? ` (${ended.reason})` : ''
    const fix = 'its events can still be read; archive it, or go on in a new session'
    return [{ kind: 'ended', why: `its workflow was ${words[ended.how]}${reason}`, fix }]
  }
  const found: Trouble[] = []
  if (task?.failure) {
    const why = `its workflow code fails, ${task.attempt} times so far: ${task.failure}`
    found.push({ kind: 'workflow-task-failing', why, fix: 'run the version that it ran with last, or a newer one' })
  }
  const waits = task !== undefined || activities.some(({ begun }) => !begun)
  for (const queue of waits ? unpolled : []) {
    found.push(
      queue === host
        ? {
            kind: 'host-gone',
            why: `its host ${queue} does not answer`,
            fix: 'start that host again: it has the files',
          }
        : {
            kind: 'no-worker',
            why: `no worker polls ${queue}`,
            fix: 'start `holdfast dev`, or a worker for this queue',
          },
    )
  }
  for (const { name, begun, attempt, since, lastHeartbeatAt = since, lastFailure } of activities) {
    if (lastFailure) {
      const why = `${name} has failed ${attempt - 1} times: ${lastFailure}`
      found.push({ kind: 'activity-failing', why, fix: 'mend what the failure names; it is tried again by itself' })
    } else if (begun && now - lastHeartbeatAt > boundMs) {
      const why = `${name} was not heard of for ${seconds(now - lastHeartbeatAt)}`
      found.push({ kind: 'activity-silent', why, fix: 'the server gives it to another worker after its time-out' })
    }
  }
  if (found.length === 0 && isStill(facts, now, boundMs)) {
    const why = `it is ${facts.status}, and nothing has happened for ${seconds(now - facts.lastEventAt)}`
    found.push({ kind: 'no-progress', why, fix: 'interrupt it; it takes the next message' })
  }
  if (found.length > 0 && reset) {
    const why = `an operator reset it ${seconds(now - reset.at)} ago${reset.reason ? ` (${reset.reason})` : ''}`
    found.push({ kind: 'reset', why, fix: 'what it did after that place is not in its log' })
  }
  return found
}

const words = { terminated: 'terminated', failed: 'ended by an error', canceled: 'cancelled', timedOut: 'timed out' }

/** It has work, nothing of it is open, and nothing has come for too long. */
function isStill({ status, task, activities, lastEventAt }: SessionFacts, now: number, boundMs: number): boolean {
  if (task) return now - task.since > boundMs
  return (status === 'running' || status === 'rescheduling') && activities.length === 0 && now - lastEventAt > boundMs
}
