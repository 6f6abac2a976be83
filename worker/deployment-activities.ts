import { activityInfo } from '@temporalio/activity'
import { DeploymentClocks } from '../client/deployment-clocks.ts'
import { DeploymentRunner } from '../client/deployment-runs.ts'
import type { Runtime } from '../client/runtime.ts'
import { type DeploymentTime, deploymentNames } from '../protocol/deployment-clock.ts'
import { ApiError } from '../protocol/errors.ts'

/** Tries of a run that fails for no reason that is known, over about a quarter of an hour. */
const mostTries = 20

/** What the clocks of deployments do. */
export function deploymentActivities(runtime: Runtime) {
  const runner = new DeploymentRunner(runtime, new DeploymentClocks(runtime))
  return {
    async [deploymentNames.run](time: DeploymentTime): Promise<void> {
      const { attempt, scheduledTimestampMs } = activityInfo()
      try {
        await runner.byTheClock(time, Date.now() - scheduledTimestampMs)
      } catch (error) {
        // What is away comes back.
        if (attempt < mostTries || error instanceof ApiError) throw error
        await runner.givenUp(time)
      }
    },
  }
}
