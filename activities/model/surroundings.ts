import type { CloudConfig } from '../../protocol/environments.ts'
import type { SessionAgent, SessionResource } from '../../protocol/sessions.ts'
import type { Records, SessionRecord } from '../../store/records.ts'
import type { KnownSkill } from '../skills/prompt.ts'

/** What an agent is told of where it works. */
export interface Surroundings {
  resources: SessionResource[]
  networking?: CloudConfig['networking'] | undefined
  /** @default none */
  packages?: CloudConfig['packages'] | undefined
  /** Names of the variables that hold placeholders of secrets. @default none */
  variables?: string[]
  /** @default none */
  skills?: KnownSkill[]
}

export async function surroundingsOf(
  { environmentId, resources, vaultIds }: SessionRecord,
  agent: Pick<SessionAgent, 'skills'>,
  { environments, credentials, skills }: Pick<Records, 'environments' | 'credentials' | 'skills'>,
): Promise<Surroundings> {
  const held = vaultIds.length > 0 ? await credentials.active(vaultIds) : []
  const names = held.flatMap(({ credential: { auth } }) =>
    auth.type === 'environment_variable' ? auth.secret_name : [],
  )
  // In an order of their own: the prompt is to stay the same.
  const variables = [...new Set(names)].sort()
  const { networking, packages } = (await environments.get(environmentId))?.config ?? {}
  return { resources, networking, packages, variables, skills: await skillsOf(agent, skills) }
}

/** In the agent's order. Deleted versions, too: a session keeps what it has. */
async function skillsOf(
  { skills }: Pick<SessionAgent, 'skills'>,
  { versions }: Records['skills'],
): Promise<KnownSkill[]> {
  if (skills.length === 0) return []
  const ids = skills.map(({ version }) => version)
  const known = new Map((await versions.getMany(ids)).map(({ version }) => [version.id, version]))
  return ids.flatMap((id) => known.get(id) ?? [])
}
