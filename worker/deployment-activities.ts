import { activityInfo } from '@temporalio/activity'
import { DeploymentClocks } from '../client/deployment-clocks.ts'
import { DeploymentRunner } from '../client/deployment-runs.ts'
import type { Runtime } from '../client/runtime.ts'
import { type DeploymentTime, deploymentNames } from '../protocol/deployment-clock.ts'
import { ApiError } from '../protocol/errors.ts'
import { StorageFull, StorageUnavailable } from '../store/blobs.ts'
import { RecordsUnavailable } from '../store/records-unavailable.ts'

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
        if (attempt < mostTries || comesBack(error)) throw error
        await runner.givenUp(time)
      }
    },
  }
}

/** What is away, or full, is waited for, however long: it is no fault of the deployment's. */
const comesBack = (error: unknown): boolean =>
  error instanceof ApiError ||
  error instanceof RecordsUnavailable ||
  error instanceof StorageFull ||
  (error instanceof StorageUnavailable && !error.isRefusal)
