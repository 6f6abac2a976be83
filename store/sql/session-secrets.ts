import type { Kysely } from 'kysely'
import type { SessionSecrets } from '../records.ts'
import type { Schema } from './schema.ts'

/** Stores secrets of a session's resources in place of those of the same resources. */
export async function keepSecrets(to: Kysely<Schema>, session_id: string, secrets: SessionSecrets): Promise<void> {
  for (const [resource_id, sealed] of Object.entries(secrets)) {
    await to
      .insertInto('session_secrets')
      .values({ session_id, resource_id, sealed })
      .onConflict((clash) => clash.columns(['session_id', 'resource_id']).doUpdateSet({ sealed }))
      .execute()
  }
}

export async function readSecrets(from: Kysely<Schema>, sessionId: string): Promise<SessionSecrets> {
  const rows = await from
    .selectFrom('session_secrets')
    .select(['resource_id', 'sealed'])
    .where('session_id', '=', sessionId)
    .execute()
  return Object.fromEntries(rows.map(({ resource_id, sealed }) => [resource_id, sealed]))
}
