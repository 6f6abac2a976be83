import { status as Grpc } from '@grpc/grpc-js'
import type { Connection } from '@temporalio/client'
import { WORKER_LOST, WORKER_STOPPED } from '../protocol/contract.ts'
import type { OpenActivity } from './open-activity.ts'

export interface DeadWorker {
  identity: string
  openActivities: OpenActivity[]
  /** Ids of further workflows that the dead process may hold in its cache. */
  recentWorkflows?: string[]
}

/**
 * Settles what a worker process left behind. Needs proof that it is dead: only the one that started the process and saw
 * it end may call this, for a live worker's activity would be failed under its hands.
 *
 * Its activities fail at once instead of after their heartbeat time-out, and its workflows go to other workers instead of
 * waiting for the dead one's sticky queue.
 * @returns how many activities were failed
 */
export async function bury(connection: Connection, namespace: string, dead: DeadWorker): Promise<number> {
  const workflowIds = new Set([
    ...dead.openActivities.map(({ workflowId }) => workflowId),
    ...(dead.recentWorkflows ?? []),
  ])
  // First: what the failures below wake up must not be sent to the dead worker.
  await Promise.all([...workflowIds].map((workflowId) => resetStickyQueue(connection, namespace, workflowId)))
  const failed = await Promise.all(
    [...workflowIds].map((workflowId) => failActivities(connection, namespace, workflowId, dead)),
  )
  return failed.reduce((sum, count) => sum + count, 0)
}

/**
 * What is failed comes from the server, not from the dead worker's last words: an activity that was given to it and not
 * yet reported is there too, and one that another worker has by now is not touched.
 */
async function failActivities(
  connection: Connection,
  namespace: string,
  workflowId: string,
  { identity, openActivities }: DeadWorker,
): Promise<number> {
  const { workflowService } = connection
  const description = await workflowService
    .describeWorkflowExecution({ namespace, execution: { workflowId } })
    .catch(unlessGone)
  const runId = description?.workflowExecutionInfo?.execution?.runId
  if (!runId) return 0
  const left = (description.pendingActivities ?? []).filter(({ lastWorkerIdentity }) => lastWorkerIdentity === identity)
  for (const { activityId } of left) {
    // What the process did not report as begun was handed to it while it was ending: its death says nothing of that work.
    const begun = openActivities.some((open) => open.workflowId === workflowId && open.activityId === activityId)
    await workflowService
      .respondActivityTaskFailedById({
        namespace,
        workflowId,
        runId,
        activityId: activityId!,
        identity: 'supervisor',
        failure: {
          message: 'the worker process that ran this died',
          source: 'holdfast',
          applicationFailureInfo: { type: begun ? WORKER_LOST : WORKER_STOPPED, nonRetryable: false },
        },
      })
      .catch(unlessGone)
  }
  return left.length
}

async function resetStickyQueue(connection: Connection, namespace: string, workflowId: string): Promise<void> {
  await connection.workflowService.resetStickyTaskQueue({ namespace, execution: { workflowId } }).catch(unlessGone)
}

/** The workflow ended or was deleted, or the activity was settled by somebody else: nothing is left to do. */
function unlessGone(error: { code?: number }): undefined {
  if (error.code === Grpc.NOT_FOUND || error.code === Grpc.FAILED_PRECONDITION) return undefined
  throw error
}
