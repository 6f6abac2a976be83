import type { Records } from './records.ts'
import { agentRecords } from './sql/agents.ts'
import { environmentRecords } from './sql/environments.ts'
import { fileRecords } from './sql/files.ts'
import { migrate } from './sql/migrations.ts'
import { sessionRecords } from './sql/sessions.ts'
import { openSqlite } from './sql/sqlite.ts'

/**
 * Opens the records and brings their schema up to date.
 * @param options.url `sqlite:PATH`
 * @throws DatabaseTooNew when a newer version wrote them
 */
export async function openRecords({ url }: { url: string }): Promise<Records> {
  const file = /^sqlite:(.+)$/.exec(url)?.[1]
  if (!file) throw new Error(`records.url: ${url} is none of: sqlite:PATH`)
  const database = openSqlite(file)
  await migrate(database)
  return {
    agents: agentRecords(database),
    environments: environmentRecords(database),
    files: fileRecords(database),
    sessions: sessionRecords(database),
    close: () => database.destroy(),
  }
}
