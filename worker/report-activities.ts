import type { ActivityInterceptorsFactory } from '@temporalio/worker'
import type { WorkerMessage } from './config-of-worker.ts'

/** Tells the supervisor which activities this process is at, so that it can settle them should the process die. */
export function reportActivities(say: (message: WorkerMessage) => void): ActivityInterceptorsFactory {
  return ({ info }) => ({
    inbound: {
      async execute(input, next) {
        const { workflowId = '', runId = '' } = info.workflowExecution ?? {}
        const activity = { type: 'activity' as const, workflowId, runId, activityId: info.activityId }
        say({ ...activity, state: 'started' })
        try {
          return await next(input)
        } finally {
          say({ ...activity, state: 'ended' })
        }
      },
    },
  })
}
