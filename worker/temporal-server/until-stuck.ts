import { setTimeout as sleep } from 'node:timers/promises'
import { Connection } from '@temporalio/client'

/** Between an answer that says it is stuck and the question whether it still is, milliseconds. */
const againMs = 250

/**
 * Resolves when the server answers twice in a row that its database was interrupted. Its SQLite driver
 * (modernc.org/sqlite before 1.40.1) loses a statement whose request is given up as the first row comes. SQLite forgets an
 * interrupt when no statement runs, which is never again: whatever is asked fails until the server is started again.
 * Any other failure is not this one, and says nothing.
 * @param everyMs how often it is asked for something that it reads from its database, milliseconds
 * @returns true, or false when `signal` aborts first
 */
export async function untilStuck(
  address: string,
  namespace: string,
  signal: AbortSignal,
  everyMs = 2000,
): Promise<boolean> {
  // Without the SDK's retries: what they hide for seconds is looked for here.
  const connection = Connection.lazy({ address, interceptors: [] })
  const isInterrupted = () =>
    connection.workflowService.describeNamespace({ namespace }).then(
      () => false,
      (error: { details?: string }) => /\binterrupted \(9\)/.test(error.details ?? ''),
    )
  try {
    for (let times = 0; times < 2; times = (await isInterrupted()) ? times + 1 : 0)
      await sleep(times === 0 ? everyMs : againMs, undefined, { signal })
    return true
  } catch (error) {
    if (signal.aborted) return false
    throw error
  } finally {
    await connection.close()
  }
}
