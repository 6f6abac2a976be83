import { setTimeout as sleep } from 'node:timers/promises'
import { status as Grpc } from '@grpc/grpc-js'
import type { Connection } from '@temporalio/client'
import { msToTs } from '@temporalio/common/lib/time.js'

/** How long the server keeps a closed run, days. Sealed segments outlive it; this is the time to mend a failed seal. */
export const retentionDays = 30

/** Registers the namespace when there is none, raises its retention to 30 days, and waits until it can be used. */
export async function ensureNamespace(connection: Connection, namespace: string): Promise<void> {
  const { workflowService } = connection
  const retention = msToTs(retentionDays * 24 * 3600 * 1000)
  const described = await workflowService.describeNamespace({ namespace }).catch(unlessNotFound)
  if (!described) {
    await workflowService
      .registerNamespace({ namespace, workflowExecutionRetentionPeriod: retention })
      .catch((error) => {
        if (error.code !== Grpc.ALREADY_EXISTS) throw error
      })
  } else if (Number(described.config?.workflowExecutionRetentionTtl?.seconds ?? 0) < Number(retention.seconds)) {
    await workflowService.updateNamespace({ namespace, config: { workflowExecutionRetentionTtl: retention } })
  }
  // Every service of the server has its own cache of namespaces: usable is what the history service says.
  while (!(await isUsable(connection, namespace))) await sleep(20)
}

async function isUsable({ workflowService }: Connection, namespace: string): Promise<boolean> {
  const execution = { workflowId: 'holdfast-check' }
  try {
    await workflowService.describeWorkflowExecution({ namespace, execution })
    return true
  } catch (error) {
    const { code, details = '' } = error as { code?: number; details?: string }
    if (code !== Grpc.NOT_FOUND) throw error
    return !/^namespace /i.test(details)
  }
}

function unlessNotFound(error: { code?: number }): undefined {
  if (error.code === Grpc.NOT_FOUND) return undefined
  throw error
}
