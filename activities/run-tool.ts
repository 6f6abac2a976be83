import { ApplicationFailure, activityInfo } from '@temporalio/activity'
import type { SessionLogs } from '../log/session-logs.ts'
import { CONTAINER_UNAVAILABLE, type RunToolInput, type ToolResult } from '../protocol/contract.ts'
import type { SessionRecord } from '../store/records.ts'
import { stoppable } from './cancellation.ts'
import { type ContainerCall, ContainerUnavailable } from './container/provider.ts'
import type { McpServers } from './mcp/servers.ts'
import type { SessionOutputs } from './outputs/session-outputs.ts'
import { openSessionContainer, type SessionContainerDependencies } from './session-container.ts'
import { sessionOf } from './session-of.ts'

export interface RunToolDependencies extends SessionContainerDependencies {
  logs: SessionLogs
  mcp: McpServers
  outputs: SessionOutputs
  toolTimeoutMs: number
  /** Task queue of this host's containers. */
  host: string
}

/** The activity `runTool`: one call of a built-in tool in the session's container, or of a tool of an MCP server. */
export function makeRunTool(dependencies: RunToolDependencies) {
  const { logs, records, memory, mcp, outputs, toolTimeoutMs, host } = dependencies

  async function callMcp(session: SessionRecord, call: RunToolInput, signal: AbortSignal): Promise<ToolResult> {
    const { revision } = call
    const agent = await records.sessions.configuration(session.id, revision)
    if (!agent) throw new Error(`session ${session.id} has no configuration ${revision}`)
    return mcp.call({ session, agent, revision }, call, signal)
  }

  return async function runTool(call: RunToolInput): Promise<ToolResult> {
    const sessionId = sessionOf()
    const work = async (signal: AbortSignal) => {
      try {
        const session = await records.sessions.get(sessionId)
        if (!session) throw new Error(`session ${sessionId} has no record`)
        if (call.kind === 'mcp') return await callMcp(session, call, signal)
        const container = await openSessionContainer(dependencies, session, call.revision)
        const result = await outputs.around(sessionId, () =>
          container.call(
            {
              id: call.toolUseId,
              name: call.name as ContainerCall['name'],
              input: call.input,
              timeoutMs: toolTimeoutMs,
            },
            { signal },
          ),
        )
        // A repeated attempt cannot know what the one before has told.
        const note = await memory.save(session, { all: call.attempt > 1 })
        return {
          ...result,
          ...(note !== undefined && { content: [...result.content, { type: 'text' as const, text: note }] }),
          // Known already, but for a session whose host was given up.
          ...(activityInfo().taskQueue !== host && { host }),
        }
      } catch (error) {
        if (error instanceof ContainerUnavailable) {
          throw ApplicationFailure.create({ type: CONTAINER_UNAVAILABLE, message: error.message, nonRetryable: true })
        }
        throw error
      }
    }
    // The keeper runs the call on: who lost this attempt has joined it, and must not find it stopped.
    return stoppable(logs, sessionId, work, { outlives: call.kind !== 'mcp' })
  }
}
