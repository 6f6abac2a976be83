import type { WorkflowInterceptorsFactory } from '@temporalio/workflow'
import type { RunToolInput } from '../../protocol/contract.ts'

/** Hosts of this name are waited for as long as a call's own input says, not for the minute that others have. */
export const goneHost = 'gone-'

export const interceptors: WorkflowInterceptorsFactory = () => ({
  outbound: [
    {
      scheduleActivity(input, next) {
        const { options, args } = input
        if (!options.taskQueue?.startsWith(goneHost)) return next(input)
        const { patienceMs } = (args[0] as RunToolInput).input as { patienceMs: number }
        return next({ ...input, options: { ...options, scheduleToStartTimeout: patienceMs } })
      },
    },
  ],
})
