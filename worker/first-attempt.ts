import type { Connection } from '@temporalio/client'
import { isNotFound } from '../log/tail.ts'

interface Run {
  namespace: string
  workflowId: string
  runId: string
}

/**
 * The run that was the first attempt of a run: what it did is not to be done again by its retries. Runs before a
 * continue-as-new are no attempts of it.
 */
export async function firstAttempt(connection: Connection, { namespace, workflowId, runId }: Run): Promise<string> {
  for (let current = runId; ; ) {
    const started = await startOf(connection, { namespace, workflowId, runId: current })
    // Temporal keeps closed runs for a time only. Between two attempts that long nobody remembers more than its id.
    if (!started) return current
    if ((started.attempt ?? 1) <= 1 || !started.continuedExecutionRunId)
      return started.originalExecutionRunId || current
    current = started.continuedExecutionRunId
  }
}

async function startOf(connection: Connection, { namespace, workflowId, runId }: Run) {
  try {
    const { history } = await connection.workflowService.getWorkflowExecutionHistory({
      namespace,
      execution: { workflowId, runId },
      maximumPageSize: 1,
    })
    return history?.events?.[0]?.workflowExecutionStartedEventAttributes ?? undefined
  } catch (error) {
    if (isNotFound(error)) return undefined
    throw error
  }
}
