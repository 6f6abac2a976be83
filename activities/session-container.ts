import type { Records, SessionRecord } from '../store/records.ts'
import type { SecretBox } from '../store/secrets.ts'
import type { Container, ContainerLimits, ContainerProvider } from './container/provider.ts'
import { sessionEgress } from './egress/session-egress.ts'
import { sessionVariables, unreachableCredentials } from './egress/session-variables.ts'
import type { SessionMemory } from './memory/session-memory.ts'
import type { Mounts } from './mounts.ts'
import { sessionRepositories } from './repositories/session-repositories.ts'
import { environmentCredentials } from './vaults/environment-credentials.ts'
import type { Workspaces } from './workspace/workspaces.ts'

export interface SessionContainerDependencies {
  records: Records
  containers: ContainerProvider
  mounts: Mounts
  memory: SessionMemory
  workspaces: Pick<Workspaces, 'prepare'>
  secrets: SecretBox
  limits: ContainerLimits
  /** Host names, addresses or CIDRs that containers may reach although private. */
  allowPrivate: string[]
}

/** What an environment allows that is gone. */
const closed = {
  type: 'limited' as const,
  allowed_hosts: [],
  allow_mcp_servers: false,
  allow_package_managers: false,
}

/**
 * The container of a session with everything that was given to the session: files, memory stores, repositories, the
 * network of its environment, placeholders of secrets. Made when there is none.
 * @param revision of the session's configuration
 * @param isMoving whether the session comes from another host
 */
export async function openSessionContainer(
  { records, containers, mounts, memory, workspaces, secrets, limits, allowPrivate }: SessionContainerDependencies,
  session: SessionRecord,
  revision: number,
  isMoving: boolean,
): Promise<Container> {
  const [news, environment, agent, credentials, git, files, folders] = await Promise.all([
    workspaces.prepare(session.id, isMoving),
    records.environments.get(session.environmentId),
    records.sessions.configuration(session.id, revision),
    environmentCredentials(session, { credentials: records.credentials, secrets }),
    sessionRepositories(session, { records, secrets }),
    mounts.of(session),
    memory.prepare(session),
  ])
  const { environment: variables, injections } = sessionVariables(session.id, credentials)
  const egress = sessionEgress({
    networking: environment?.config.networking ?? closed,
    agent: agent ?? { mcp_servers: [] },
    routes: git?.routes ?? [],
    injections,
    allowPrivate,
  })
  const gitConfig = git ? [await mounts.made(session.id, 'gitconfig', '/etc/gitconfig', git.config)] : []
  return containers.open({
    sessionId: session.id,
    mounts: [...files, ...folders, ...gitConfig],
    limits,
    ...(egress && { egress }),
    notices: [...news, ...(credentials.length > 0 ? unreachableCredentials(credentials, egress) : [])],
    ...(credentials.length > 0 && { environment: variables }),
    ...(git && { repositories: git.repositories }),
  })
}
