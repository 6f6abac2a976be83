import { type WorkflowClient, WorkflowFailedError, WorkflowNotFoundError } from '@temporalio/client'
import { ActivityFailure, ApplicationFailure } from '@temporalio/common'
import type { ApiErrorType } from '../protocol/errors.ts'
import type { ScheduleRunError } from '../protocol/schedules.ts'

/** Why a run failed; null when it did not, and when Temporal has forgotten it. */
export async function failureOfRun(
  client: WorkflowClient,
  workflowId: string,
  runId: string,
): Promise<ScheduleRunError | null> {
  const handle = client.getHandle(workflowId, runId)
  try {
    // The result alone would wait for one that is still at work.
    const { status } = await handle.describe()
    if (status.name === 'FAILED') await handle.result()
    return null
  } catch (error) {
    if (error instanceof WorkflowNotFoundError) return null
    if (error instanceof WorkflowFailedError) return errorOf(error.cause, workflowId)
    throw error
  }
}

/** What was refused says so itself. The words of other failures were not written for everybody to read. */
function errorOf(failure: unknown, workflowId: string): ScheduleRunError {
  const cause = failure instanceof ActivityFailure ? failure.cause : failure
  if (!(cause instanceof ApplicationFailure) || cause.type !== 'ApiError')
    return {
      type: 'unknown_error',
      message: `the workflow ${workflowId} failed: Temporal and the worker's log say why`,
    }
  const [details] = (cause.details ?? []) as { type: ApiErrorType }[]
  return { type: details?.type ?? 'unknown_error', message: cause.message }
}
