import { noPackages } from '../protocol/environments.ts'
import type { SessionAgent } from '../protocol/sessions.ts'
import { builtinSetting } from '../protocol/tools.ts'
import type { Records, SessionRecord } from '../store/records.ts'
import type { SecretBox } from '../store/secrets.ts'
import type { Container, ContainerLimits, ContainerProvider } from './container/provider.ts'
import { sessionEgress } from './egress/session-egress.ts'
import { sessionVariables, unreachableCredentials } from './egress/session-variables.ts'
import type { SessionMemory } from './memory/session-memory.ts'
import type { Mounts } from './mounts.ts'
import type { PackageLayers } from './packages/package-layers.ts'
import { sessionRepositories } from './repositories/session-repositories.ts'
import type { SessionSkills } from './skills/session-skills.ts'
import { environmentCredentials } from './vaults/environment-credentials.ts'
import type { Workspaces } from './workspace/workspaces.ts'

export interface SessionContainerDependencies {
  records: Records
  containers: ContainerProvider
  mounts: Mounts
  memory: SessionMemory
  workspaces: Pick<Workspaces, 'prepare'>
  packages: Pick<PackageLayers, 'of'>
  skills: Pick<SessionSkills, 'of'>
  secrets: SecretBox
  limits: ContainerLimits
  /** Host names, addresses or CIDRs that containers may reach although private. */
  allowPrivate: string[]
}

export interface Opening {
  /** Of the session's configuration. */
  revision: number
  /** Whether the session comes from another host. */
  isMoving: boolean
  /** Ends the wait for packages; the container is then without those that are not there. */
  signal: AbortSignal
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
 * skills of its agent, the network of its environment, placeholders of secrets. Made when there is none.
 */
export async function openSessionContainer(
  dependencies: SessionContainerDependencies,
  session: SessionRecord,
  { revision, isMoving, signal }: Opening,
): Promise<Container> {
  const { records, containers, mounts, memory, workspaces, packages, skills, secrets, limits, allowPrivate } =
    dependencies
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
  const [installed, skilled] = await Promise.all([
    packages.of(environment?.config.packages ?? noPackages, signal),
    skills.of(agent ?? { skills: [] }),
  ])
  const unreachable = credentials.length > 0 ? unreachableCredentials(credentials, egress) : []
  const gitConfig = git ? [await mounts.made(session.id, 'gitconfig', '/etc/gitconfig', git.config)] : []
  return containers.open({
    sessionId: session.id,
    mounts: [...files, ...folders, ...gitConfig, ...skilled.mounts],
    limits,
    ...(egress && { egress }),
    ...(installed.software && { software: installed.software }),
    notices: [...news, ...installed.notices, ...skilled.notices, ...unreachable],
    ...(credentials.length > 0 && { environment: variables }),
    ...(git && { repositories: git.repositories.map((repository) => ({ ...repository, skills: canRead(agent) })) }),
  })
}

/** Without it skills are of no use. Source: spec §12.4. */
const canRead = (agent: SessionAgent | undefined) => builtinSetting(agent?.tools ?? [], 'read')?.enabled === true
