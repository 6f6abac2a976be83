/** What the workflow that a deployment's clock starts and its activity say to each other; stands in histories. */

export const deploymentNames = {
  workflow: 'deploymentRun',
  run: 'holdfastDeploymentRun',
} as const

/** Input of the workflow: the clock that it is of. What is to be done stands in the records. */
export interface DeploymentTick {
  deploymentId: string
  clock: string
}

/** Input of the activity. */
export interface DeploymentTime extends DeploymentTick {
  /** Before jitter. */
  scheduledAt: string
}

/** The time that a workflow is for: Temporal puts it behind the id that a schedule gives. */
export function timeOf(workflowId: string): string {
  const [, time] = /-(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ)$/.exec(workflowId) ?? []
  if (!time) throw new Error(`${workflowId} was not started by a schedule`)
  return time
}
