/** An activity that a worker process is at. */
export interface OpenActivity {
  workflowId: string
  runId: string
  activityId: string
}

export const activityKey = ({ workflowId, runId, activityId }: OpenActivity) => `${workflowId}/${runId}/${activityId}`
