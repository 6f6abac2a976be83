import { activityInfo } from '@temporalio/activity'
import type { Connection } from '@temporalio/client'
import { isNotFound } from '../log/tail.ts'
import type { Blobs } from '../store/blobs.ts'
import type { Records } from '../store/records.ts'
import type { ContainerProvider } from './container/provider.ts'
import type { SessionMemory } from './memory/session-memory.ts'
import type { Mounts } from './mounts.ts'
import type { Workspaces } from './workspace/workspaces.ts'

/** How often what a session leaves in memory stores is tried to be saved before it is erased with the rest. */
const savingAttempts = 10

export interface EraseDependencies {
  connection: Connection
  namespace: string
  records: Records
  blobs: Blobs
  containers: ContainerProvider
  mounts: Mounts
  memory: SessionMemory
  workspaces: Pick<Workspaces, 'forget'>
}

/** The activities of the workflow `erase`. Each may be repeated at any point. */
export function makeErase(dependencies: EraseDependencies) {
  const { connection, namespace, records, blobs, containers, mounts, memory, workspaces } = dependencies
  return {
    /**
     * Removes the session's container, its files, the copies of its uploads and its memory folders from this host. What it
     * has written to memory stores is saved first: they outlast it.
     */
    async eraseContainer(sessionId: string): Promise<void> {
      workspaces.forget(sessionId)
      await containers.destroy(sessionId)
      await mounts.remove(sessionId)
      const settled = await memory.settle(sessionId)
      if (!settled && activityInfo().attempt < savingAttempts) {
        throw new Error(`what ${sessionId} has written to its memory stores could not be saved`)
      }
      await memory.remove(sessionId)
    },

    /** Removes the session's runs, content, file copies and, last, its row: the row is what a repetition goes by. */
    async eraseRecords(sessionId: string): Promise<void> {
      // Streams that end with the runs ask the row why.
      await records.sessions.update(sessionId, { deletedAt: new Date().toISOString() })
      await deleteRuns(connection, namespace, sessionId)
      await blobs.deleteAll(`sessions/${sessionId}/`)
      await records.snapshots.delete(sessionId)
      await deleteFiles(records, blobs, sessionId)
      await records.sessions.delete(sessionId)
    },
  }
}

/** Deleting a workflow deletes one run: walk the chain, and look again until none is listed. */
async function deleteRuns(connection: Connection, namespace: string, workflowId: string): Promise<void> {
  const { workflowService } = connection
  const gone = new Set<string>()
  const deleteRun = async (runId: string) => {
    gone.add(runId)
    await workflowService
      .deleteWorkflowExecution({ namespace, workflowExecution: { workflowId, runId } })
      .catch((error) => {
        if (!isNotFound(error)) throw error
      })
  }
  for (let runId = await currentRun(connection, namespace, workflowId); runId; ) {
    const previous: string | undefined = await runBefore(connection, namespace, workflowId, runId)
    await deleteRun(runId)
    runId = previous
  }
  // A gap in the chain (a run past its retention) hides older ones; the visibility store still lists them.
  const { executions } = await workflowService.listWorkflowExecutions({
    namespace,
    query: `WorkflowId = '${workflowId}'`,
  })
  for (const { execution } of executions ?? []) {
    if (execution?.runId && !gone.has(execution.runId)) await deleteRun(execution.runId)
  }
}

async function currentRun(connection: Connection, namespace: string, workflowId: string): Promise<string | undefined> {
  try {
    const { workflowExecutionInfo } = await connection.workflowService.describeWorkflowExecution({
      namespace,
      execution: { workflowId },
    })
    return workflowExecutionInfo?.execution?.runId ?? undefined
  } catch (error) {
    if (isNotFound(error)) return undefined
    throw error
  }
}

async function runBefore(
  connection: Connection,
  namespace: string,
  workflowId: string,
  runId: string,
): Promise<string | undefined> {
  try {
    const { history } = await connection.workflowService.getWorkflowExecutionHistory({
      namespace,
      execution: { workflowId, runId },
      maximumPageSize: 1,
    })
    return history?.events?.[0]?.workflowExecutionStartedEventAttributes?.continuedExecutionRunId || undefined
  } catch (error) {
    if (isNotFound(error)) return undefined
    throw error
  }
}

async function deleteFiles(records: Records, blobs: Blobs, sessionId: string): Promise<void> {
  for (;;) {
    const { rows } = await records.files.list({ limit: 100, scope: sessionId })
    if (rows.length === 0) return records.outputs.deleteAll(sessionId)
    for (const { metadata, blob } of rows) {
      await records.files.delete(metadata.id)
      if ((await records.files.countByBlob(blob)) === 0) await blobs.delete(blob)
    }
  }
}
