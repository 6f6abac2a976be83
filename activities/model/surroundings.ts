import type { CloudConfig } from '../../protocol/environments.ts'
import type { SessionResource } from '../../protocol/sessions.ts'
import type { Records, SessionRecord } from '../../store/records.ts'

/** What an agent is told of where it works. */
export interface Surroundings {
  resources: SessionResource[]
  networking?: CloudConfig['networking'] | undefined
  /** @default none */
  packages?: CloudConfig['packages'] | undefined
  /** Names of the variables that hold placeholders of secrets. @default none */
  variables?: string[]
}

export async function surroundingsOf(
  { environmentId, resources, vaultIds }: SessionRecord,
  { environments, credentials }: Pick<Records, 'environments' | 'credentials'>,
): Promise<Surroundings> {
  const held = vaultIds.length > 0 ? await credentials.active(vaultIds) : []
  const names = held.flatMap(({ credential: { auth } }) =>
    auth.type === 'environment_variable' ? auth.secret_name : [],
  )
  // In an order of their own: the prompt is to stay the same.
  const variables = [...new Set(names)].sort()
  const { networking, packages } = (await environments.get(environmentId))?.config ?? {}
  return { resources, networking, packages, variables }
}
