import { ApplicationFailure } from '@temporalio/activity'
import type { SessionLogs } from '../log/session-logs.ts'
import { CONTAINER_UNAVAILABLE, type RunToolInput, type ToolResult } from '../protocol/contract.ts'
import type { Records } from '../store/records.ts'
import { stoppable } from './cancellation.ts'
import { type ContainerCall, type ContainerProvider, ContainerUnavailable } from './container/provider.ts'
import type { SessionMemory } from './memory/session-memory.ts'
import type { Mounts } from './mounts.ts'
import { sessionOf } from './session-of.ts'

export interface RunToolDependencies {
  logs: SessionLogs
  records: Records
  containers: ContainerProvider
  mounts: Mounts
  memory: SessionMemory
  limits: { memoryBytes: number; pids: number; cpus: number; tmpBytes: number }
  toolTimeoutMs: number
}

/** The activity `runTool`: one call of a built-in tool in the session's container. */
export function makeRunTool(dependencies: RunToolDependencies) {
  const { logs, records, containers, mounts, memory, limits, toolTimeoutMs } = dependencies

  return async function runTool(call: RunToolInput): Promise<ToolResult> {
    const sessionId = sessionOf()
    return stoppable(logs, sessionId, async (signal) => {
      try {
        const session = await records.sessions.get(sessionId)
        if (!session) throw new Error(`session ${sessionId} has no record`)
        const mounted = [...(await mounts.of(session)), ...(await memory.prepare(session))]
        const container = await containers.open({ sessionId, mounts: mounted, limits })
        const result = await container.call(
          { id: call.toolUseId, name: call.name as ContainerCall['name'], input: call.input, timeoutMs: toolTimeoutMs },
          { signal },
        )
        // A repeated attempt cannot know what the one before has told.
        const note = await memory.save(session, { all: call.attempt > 1 })
        return note === undefined ? result : { ...result, content: [...result.content, { type: 'text', text: note }] }
      } catch (error) {
        if (error instanceof ContainerUnavailable) {
          throw ApplicationFailure.create({ type: CONTAINER_UNAVAILABLE, message: error.message, nonRetryable: true })
        }
        throw error
      }
    })
  }
}
