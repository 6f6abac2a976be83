import { activityInfo } from '@temporalio/activity'
import { ActivityCancellationDetails } from '@temporalio/common'
import { MockActivityEnvironment } from '@temporalio/testing'
import { describe, expect, it } from 'vitest'
import {
  type StoppableOptions,
  stopActivities,
  stopBegun,
  stoppable,
  workflowIsHere,
} from '../../activities/cancellation.ts'
import { monotonicMs } from '../../log/bus.ts'
import { RunView, viewOf } from '../../log/run-view.ts'
import type { SessionLogs } from '../../log/session-logs.ts'
import { fact, time } from '../log/samples.ts'

/** A log in which nothing happens. */
const quiet = {
  get: () => ({ tail: { hold: () => () => {}, current: undefined, catchUp: () => new Promise(() => {}) } }),
} as unknown as SessionLogs

/** Runs work that ends when it is stopped, cancels it so, and says whether it was. */
async function cancelledBy(details: { cancelRequested?: boolean; notFound?: boolean }, options?: StoppableOptions) {
  const environment = new MockActivityEnvironment()
  let stopped = false
  const outcome = await environment
    .run(() =>
      stoppable(
        quiet,
        activityInfo().activityId,
        (signal) => {
          setImmediate(() =>
            environment.cancel(
              details.notFound ? 'NOT_FOUND' : 'CANCELLED',
              new ActivityCancellationDetails({
                notFound: false,
                cancelRequested: false,
                paused: false,
                timedOut: false,
                workerShutdown: false,
                reset: false,
                ...details,
              }),
            ),
          )
          return new Promise((resolve) =>
            signal.addEventListener('abort', () => {
              stopped = true
              resolve('stopped')
            }),
          )
        },
        options,
      ),
    )
    .catch(() => 'left')
  return { stopped, outcome }
}

describe('an activity whose attempt the server has given up', () => {
  it('stops its work when that ends with it', async () => {
    expect(await cancelledBy({ notFound: true })).toEqual({ stopped: true, outcome: 'stopped' })
  })

  it('leaves work alone that another may have taken over', async () => {
    expect(await cancelledBy({ notFound: true }, { outlives: true })).toEqual({ stopped: false, outcome: 'left' })
  })
})

describe('an activity that the workflow cancels', () => {
  it('stops its work, also when that outlives it', async () => {
    const stopped = { stopped: true, outcome: 'stopped' }
    expect(await cancelledBy({ cancelRequested: true })).toEqual(stopped)
    expect(await cancelledBy({ cancelRequested: true }, { outlives: true })).toEqual(stopped)
  })
})

describe('an activity whose workflow is in the same process', () => {
  it('is stopped as soon as that wants it, by run and id', async () => {
    const environment = new MockActivityEnvironment()
    const told: string[] = []
    await environment.run(() => {
      const { activityId, workflowExecution } = activityInfo()
      const runId = workflowExecution!.runId
      return stoppable(quiet, 'sesn_1', (signal) => {
        const done = new Promise<void>((resolve) => signal.addEventListener('abort', () => resolve()))
        for (const [run, id] of [
          ['another', activityId],
          [runId, 'another'],
          [runId, activityId],
        ] as const) {
          stopActivities({ runId: run }, [id])
          told.push(signal.aborted ? 'stopped' : 'goes on')
        }
        return done
      })
    })
    expect(told).toEqual(['goes on', 'goes on', 'stopped'])
  })
})

describe('an activity of a session that was interrupted', () => {
  it('is stopped at once when it had begun before that was sent', async () => {
    const told: string[] = []
    const before = monotonicMs()
    await new MockActivityEnvironment().run(() =>
      stoppable(quiet, 'sesn_1', (signal) => {
        const done = new Promise<void>((resolve) => signal.addEventListener('abort', () => resolve()))
        for (const [session, sentAt] of [
          ['sesn_2', monotonicMs()],
          ['sesn_1', before],
          ['sesn_1', monotonicMs()],
        ] as const) {
          stopBegun(session, sentAt)
          told.push(signal.aborted ? 'stopped' : 'goes on')
        }
        return done
      }),
    )
    expect(told).toEqual(['goes on', 'goes on', 'stopped'])
  })
})

describe('an activity that takes a while', () => {
  /** How often it looks into the session's history. */
  async function looks(prepare: (runId: string) => void): Promise<number> {
    let held = 0
    const hold = () => {
      held++
      return () => {}
    }
    const logs = { get: (id: string) => ({ tail: { ...quiet.get(id).tail, hold } }) } as unknown as SessionLogs
    await new MockActivityEnvironment().run(async () => {
      prepare(activityInfo().workflowExecution!.runId)
      await stoppable(logs, 'sesn_1', () => new Promise((resolve) => setTimeout(resolve, 300)))
    })
    return held
  }

  it('watches the history for a wish to stop it', async () => {
    expect(await looks(() => {})).toBe(1)
  })

  it('does not while its workflow is in the same process', async () => {
    expect(await looks((runId) => workflowIsHere({ runId }))).toBe(0)
  })
  it('is stopped in a session that had ended and was reset', async () => {
    const ended = new RunView(0)
    ended.closed = true
    await new MockActivityEnvironment().run(() => {
      const { activityId } = activityInfo()
      const wish = { kind: 'cancelRequested' as const, id: 2, at: time(2), activity: 'runTool', activityId }
      const catchUp = async () => viewOf(0, [fact.started(1), wish])
      const logs = { get: () => ({ tail: { hold: () => () => {}, current: ended, catchUp } }) }
      return stoppable(logs as unknown as SessionLogs, 'sesn_1', (signal) => {
        return new Promise<void>((resolve) => signal.addEventListener('abort', () => resolve()))
      })
    })
  })
})
