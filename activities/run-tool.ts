import { ApplicationFailure } from '@temporalio/activity'
import type { SessionLogs } from '../log/session-logs.ts'
import { CONTAINER_UNAVAILABLE, type RunToolInput, type ToolResult } from '../protocol/contract.ts'
import type { Records, SessionRecord } from '../store/records.ts'
import type { SecretBox } from '../store/secrets.ts'
import { stoppable } from './cancellation.ts'
import { type ContainerCall, type ContainerProvider, ContainerUnavailable } from './container/provider.ts'
import type { McpServers } from './mcp/servers.ts'
import type { Mounts } from './mounts.ts'
import { sessionRepositories } from './repositories/session-repositories.ts'
import { sessionOf } from './session-of.ts'

export interface RunToolDependencies {
  logs: SessionLogs
  records: Records
  containers: ContainerProvider
  mounts: Mounts
  mcp: McpServers
  secrets: SecretBox
  limits: { memoryBytes: number; pids: number; cpus: number; tmpBytes: number }
  toolTimeoutMs: number
  /** Host names, addresses or CIDRs that containers may reach although private. */
  allowPrivate: string[]
}

/** The activity `runTool`: one call of a built-in tool in the session's container, or of a tool of an MCP server. */
export function makeRunTool({
  logs,
  records,
  containers,
  mounts,
  mcp,
  secrets,
  limits,
  toolTimeoutMs,
  allowPrivate,
}: RunToolDependencies) {
  async function callMcp(session: SessionRecord, call: RunToolInput, signal: AbortSignal): Promise<ToolResult> {
    const { revision } = call
    const agent = await records.sessions.configuration(session.id, revision)
    if (!agent) throw new Error(`session ${session.id} has no configuration ${revision}`)
    return mcp.call({ session, agent, revision }, call, signal)
  }

  return async function runTool(call: RunToolInput): Promise<ToolResult> {
    const sessionId = sessionOf()
    return stoppable(logs, sessionId, async (signal) => {
      try {
        const session = await records.sessions.get(sessionId)
        if (!session) throw new Error(`session ${sessionId} has no record`)
        if (call.kind === 'mcp') return await callMcp(session, call, signal)
        const git = await sessionRepositories(session, { records, secrets })
        const mounted = await mounts.of(session)
        if (git) mounted.push(await mounts.made(sessionId, 'gitconfig', '/etc/gitconfig', git.config))
        const container = await containers.open({
          sessionId,
          mounts: mounted,
          limits,
          ...(git && {
            repositories: git.repositories,
            egress: { mode: 'none', allowedHosts: [], routes: git.routes, allowPrivate },
          }),
        })
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
    })
  }
}
