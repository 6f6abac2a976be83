import { ApplicationFailure, activityInfo } from '@temporalio/activity'
import type { SessionLogs } from '../log/session-logs.ts'
import { CONTAINER_UNAVAILABLE, type RunToolInput, type ToolResult } from '../protocol/contract.ts'
import { isWebTool } from '../protocol/web-tool-names.ts'
import type { SessionRecord } from '../store/records.ts'
import { stoppable } from './cancellation.ts'
import { type ContainerCall, ContainerUnavailable } from './container/provider.ts'
import { keepWhole } from './large-results.ts'
import type { McpServers } from './mcp/servers.ts'
import type { SessionOutputs } from './outputs/session-outputs.ts'
import { openSessionContainer, type SessionContainerDependencies } from './session-container.ts'
import { sessionOf } from './session-of.ts'
import type { WebTools } from './web/web-tools.ts'
import type { Workspaces } from './workspace/workspaces.ts'

export interface RunToolDependencies extends SessionContainerDependencies {
  logs: SessionLogs
  mcp: McpServers
  web: WebTools
  outputs: SessionOutputs
  workspaces: Workspaces
  toolTimeoutMs: number
  /** Task queue of this host's containers. */
  host: string
}

/** The activity `runTool`: one call of a built-in tool in the session's container, of a web tool, or of an MCP server's tool. */
export function makeRunTool(dependencies: RunToolDependencies) {
  const { logs, records, memory, mcp, web, outputs, workspaces, toolTimeoutMs, host } = dependencies

  /** A call that needs no container, unless its result is large. */
  async function callOutside(session: SessionRecord, call: RunToolInput, signal: AbortSignal): Promise<ToolResult> {
    const { revision } = call
    const agent = await records.sessions.configuration(session.id, revision)
    if (!agent) throw new Error(`session ${session.id} has no configuration ${revision}`)
    const made = await (call.kind === 'mcp'
      ? mcp.call({ session, agent, revision }, call, signal)
      : web.call(session.id, agent, call, signal))
    let bound: { host?: string } = {}
    const open = () => {
      bound = boundHere()
      return openSessionContainer(dependencies, session, { revision, isMoving: isMoving(), signal })
    }
    const result = await keepWhole(made, { call, agent, open, signal })
    return { ...result, ...bound }
  }

  /** The session has its container here, unless its host was given up. */
  const isMoving = () => activityInfo().taskQueue !== host
  const boundHere = () => (isMoving() ? { host } : {})

  return async function runTool(call: RunToolInput): Promise<ToolResult> {
    const sessionId = sessionOf()
    const isOutside = call.kind === 'mcp' || isWebTool(call.name)
    const work = async (signal: AbortSignal) => {
      try {
        const session = await records.sessions.get(sessionId)
        if (!session) throw new Error(`session ${sessionId} has no record`)
        if (isOutside) return await callOutside(session, call, signal)
        const opening = { revision: call.revision, isMoving: isMoving(), signal }
        const container = await openSessionContainer(dependencies, session, opening)
        const name = call.name as ContainerCall['name']
        const base = call.beside ? { beside: call.beside } : {}
        const callInside = () =>
          container.call({ ...base, id: call.toolUseId, name, input: call.input, timeoutMs: toolTimeoutMs }, { signal })
        const result = await workspaces.around(sessionId, () => outputs.around(sessionId, callInside))
        // A repeated attempt cannot know what the one before has told.
        const note = await memory.save(session, { all: call.attempt > 1 })
        return {
          ...result,
          ...(note !== undefined && { content: [...result.content, { type: 'text' as const, text: note }] }),
          ...boundHere(),
        }
      } catch (error) {
        if (error instanceof ContainerUnavailable) {
          throw ApplicationFailure.create({ type: CONTAINER_UNAVAILABLE, message: error.message, nonRetryable: true })
        }
        throw error
      }
    }
    // The keeper runs the call on: who lost this attempt has joined it, and must not find it stopped.
    return stoppable(logs, sessionId, work, { outlives: !isOutside })
  }
}
