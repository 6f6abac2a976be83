import type { RepositoryResource } from '../../protocol/sessions.ts'
import type { Records, SessionRecord } from '../../store/records.ts'
import type { SecretBox } from '../../store/secrets.ts'
import type { ContainerRepository, Route } from '../container/provider.ts'
import { gitConfig } from './git-config.ts'

export interface SessionRepositories {
  repositories: ContainerRepository[]
  routes: Route[]
  /** Text of the container's /etc/gitconfig. */
  config: string
}

/** What a session's container needs for its repositories; undefined when it has none. */
export async function sessionRepositories(
  session: SessionRecord,
  { records, secrets }: { records: Records; secrets: SecretBox },
): Promise<SessionRepositories | undefined> {
  const repositories = session.resources.filter(
    (resource): resource is RepositoryResource => resource.type === 'github_repository',
  )
  if (repositories.length === 0) return undefined
  const sealed = await records.sessions.secrets(session.id)
  return {
    config: gitConfig(repositories),
    repositories: repositories.map(({ id, url, mount_path: path, checkout, updated_at: credential }) => {
      return { id, url, path, ...(checkout && { checkout }), credential }
    }),
    routes: repositories.map(({ id, url }): Route => {
      const token = sealed[id] === undefined ? undefined : secrets.open(sealed[id])
      return { name: id, target: url, headers: token ? authorization(token) : {}, methods: ['GET', 'POST'] }
    }),
  }
}

/** Git hosts take a token as the password; the name that goes with it is GitHub's, others take any. */
function authorization(token: string): Record<string, string> {
  return { authorization: `Basic ${Buffer.from(`x-access-token:${token}`).toString('base64')}` }
}
