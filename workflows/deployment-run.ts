import { scheduleActivity, workflowInfo } from '@temporalio/workflow'
import { type DeploymentTick, type DeploymentTime, deploymentNames, timeOf } from '../protocol/deployment-clock.ts'

/** One time of a deployment's clock. The run is a row; this sees to it that it is made, whatever dies meanwhile. */
export async function deploymentRun(tick: DeploymentTick): Promise<void> {
  const time: DeploymentTime = { ...tick, scheduledAt: timeOf(workflowInfo().workflowId) }
  await scheduleActivity(deploymentNames.run, [time], {
    startToCloseTimeout: '1 minute',
    retry: { initialInterval: '200ms', maximumInterval: '1 minute' },
  })
}
