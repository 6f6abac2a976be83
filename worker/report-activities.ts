import type { ActivityInterceptorsFactory } from '@temporalio/worker'
import type { WorkerMessage } from './config-of-worker.ts'
import type { OpenActivity } from './open-activity.ts'

/** Nobody waits for an end: it goes with the next beginning, or alone after this. */
const endsAloneAfterMs = 100

/** Tells the supervisor which activities this process is at, so that it can settle them should the process die. */
export function reportActivities(say: (message: WorkerMessage) => void): ActivityInterceptorsFactory {
  let ended: OpenActivity[] = []
  let timer: NodeJS.Timeout | undefined
  const report = (started?: OpenActivity) => {
    clearTimeout(timer)
    timer = undefined
    say({ type: 'activities', ...(started && { started }), ended })
    ended = []
  }
  return ({ info }) => ({
    inbound: {
      async execute(input, next) {
        const { workflowId = '', runId = '' } = info.workflowExecution ?? {}
        const activity = { workflowId, runId, activityId: info.activityId }
        report(activity)
        try {
          return await next(input)
        } finally {
          ended.push(activity)
          timer ??= setTimeout(report, endsAloneAfterMs)
        }
      },
    },
  })
}
