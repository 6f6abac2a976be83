import { ApplicationFailure, activityInfo } from '@temporalio/activity'
import type { SessionLogs } from '../log/session-logs.ts'
import { CONTAINER_UNAVAILABLE, type RunToolInput, type ToolResult } from '../protocol/contract.ts'
import type { Records } from '../store/records.ts'
import type { SecretBox } from '../store/secrets.ts'
import { stoppable } from './cancellation.ts'
import { type ContainerCall, type ContainerProvider, ContainerUnavailable } from './container/provider.ts'
import type { Mounts } from './mounts.ts'
import type { SessionOutputs } from './outputs/session-outputs.ts'
import { sessionRepositories } from './repositories/session-repositories.ts'
import { sessionOf } from './session-of.ts'

export interface RunToolDependencies {
  logs: SessionLogs
  records: Records
  containers: ContainerProvider
  mounts: Mounts
  secrets: SecretBox
  outputs: SessionOutputs
  limits: { memoryBytes: number; pids: number; cpus: number; tmpBytes: number }
  toolTimeoutMs: number
  /** Host names, addresses or CIDRs that containers may reach although private. */
  allowPrivate: string[]
  /** Task queue of this host's containers. */
  host: string
}

/** The activity `runTool`: one call of a built-in tool in the session's container. */
export function makeRunTool(dependencies: RunToolDependencies) {
  const { logs, records, containers, mounts, secrets, outputs, limits, toolTimeoutMs, allowPrivate, host } =
    dependencies

  return async function runTool(call: RunToolInput): Promise<ToolResult> {
    const sessionId = sessionOf()
    return stoppable(logs, sessionId, async (signal) => {
      try {
        const session = await records.sessions.get(sessionId)
        if (!session) throw new Error(`session ${sessionId} has no record`)
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
        // Known already, but for a session whose host was given up.
        return activityInfo().taskQueue === host ? result : { ...result, host }
      } catch (error) {
        if (error instanceof ContainerUnavailable) {
          throw ApplicationFailure.create({ type: CONTAINER_UNAVAILABLE, message: error.message, nonRetryable: true })
        }
        throw error
      }
    })
  }
}
