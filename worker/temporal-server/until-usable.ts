import { setTimeout as sleep } from 'node:timers/promises'
import { Connection, type ConnectionOptions } from '@temporalio/client'
import { ensureNamespace } from './namespace.ts'

const deadlineMs = 60_000

/**
 * Resolves when our own server is healthy and the namespace in it can be used.
 * @throws Error with the last reason when that is not so within a minute, or when `signal` aborts
 */
export async function untilUsable(reach: ConnectionOptions, namespace: string, signal?: AbortSignal): Promise<void> {
  const deadline = performance.now() + deadlineMs
  for (;;) {
    try {
      return await check(reach, namespace)
    } catch (error) {
      if (signal?.aborted || performance.now() > deadline) {
        throw new Error(`the Temporal server at ${reach.address} cannot be used: ${(error as Error).message}`, {
          cause: error,
        })
      }
      await sleep(20)
    }
  }
}

async function check(reach: ConnectionOptions, namespace: string): Promise<void> {
  // The connection's own retries would hide the moment at which the server is there: one try at a time.
  const connection = await Connection.connect({ ...reach, connectTimeout: 1000 })
  try {
    const { status } = await connection.healthService.check({
      service: 'temporal.api.workflowservice.v1.WorkflowService',
    })
    if (status !== 1) throw new Error(`its health check answers ${status}`)
    await connection.withDeadline(Date.now() + 10_000, () => ensureNamespace(connection, namespace))
  } finally {
    await connection.close()
  }
}
