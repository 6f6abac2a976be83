import { ApplicationFailure } from '@temporalio/activity'
import type { SessionLogs } from '../log/session-logs.ts'
import { CONTAINER_UNAVAILABLE, type RunToolInput, type ToolResult } from '../protocol/contract.ts'
import type { Records } from '../store/records.ts'
import { stoppable } from './cancellation.ts'
import { type ContainerCall, type ContainerProvider, ContainerUnavailable } from './container/provider.ts'
import type { Mounts } from './mounts.ts'
import { sessionOf } from './session-of.ts'

export interface RunToolDependencies {
  logs: SessionLogs
  records: Records
  containers: ContainerProvider
  mounts: Mounts
  limits: { memoryBytes: number; pids: number; cpus: number; tmpBytes: number }
  toolTimeoutMs: number
}

/** The activity `runTool`: one call of a built-in tool in the session's container. */
export function makeRunTool({ logs, records, containers, mounts, limits, toolTimeoutMs }: RunToolDependencies) {
  return async function runTool(call: RunToolInput): Promise<ToolResult> {
    const sessionId = sessionOf()
    const work = async (signal: AbortSignal) => {
      try {
        const session = await records.sessions.get(sessionId)
        if (!session) throw new Error(`session ${sessionId} has no record`)
        const container = await containers.open({ sessionId, mounts: await mounts.of(session), limits })
        return await container.call(
          { id: call.toolUseId, name: call.name as ContainerCall['name'], input: call.input, timeoutMs: toolTimeoutMs },
          { signal },
        )
      } catch (error) {
        if (error instanceof ContainerUnavailable) {
          throw ApplicationFailure.create({ type: CONTAINER_UNAVAILABLE, message: error.message, nonRetryable: true })
        }
        throw error
      }
    }
    // The keeper runs the call on: who lost this attempt has joined it, and must not find it stopped.
    return stoppable(logs, sessionId, work, { outlives: true })
  }
}
