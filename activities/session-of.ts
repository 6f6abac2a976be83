import { activityInfo } from '@temporalio/activity'

/** The session that the running activity works for: its workflow's id. */
export function sessionOf(): string {
  const { workflowExecution } = activityInfo()
  if (!workflowExecution) throw new Error('this activity belongs to a session workflow')
  return workflowExecution.workflowId
}
