import type { Records } from './records.ts'
import { agentRecords } from './sql/agents.ts'
import { credentialRecords } from './sql/credentials.ts'
import { environmentRecords } from './sql/environments.ts'
import { fileRecords } from './sql/files.ts'
import { memoryRecords } from './sql/memories.ts'
import { memoryStoreRecords } from './sql/memory-stores.ts'
import { memoryVersionRecords } from './sql/memory-versions.ts'
import { migrate } from './sql/migrations.ts'
import { outputRecords } from './sql/outputs.ts'
import { sessionRecords } from './sql/sessions.ts'
import { snapshotRecords } from './sql/snapshots.ts'
import { openSqlite } from './sql/sqlite.ts'
import { vaultRecords } from './sql/vaults.ts'

/**
 * Opens the records and brings their schema up to date.
 * @param options.url `sqlite:PATH`, or just a path
 * @throws DatabaseTooNew when a newer version wrote them
 */
export async function openRecords({ url }: { url: string }): Promise<Records> {
  const database = openSqlite(fileOf(url))
  try {
    await migrate(database)
  } catch (error) {
    await database.destroy()
    throw error
  }
  return {
    agents: agentRecords(database),
    environments: environmentRecords(database),
    files: fileRecords(database),
    sessions: sessionRecords(database),
    memoryStores: memoryStoreRecords(database),
    memories: memoryRecords(database),
    memoryVersions: memoryVersionRecords(database),
    outputs: outputRecords(database),
    snapshots: snapshotRecords(database),
    vaults: vaultRecords(database),
    credentials: credentialRecords(database),
    close: () => database.destroy(),
  }
}

function fileOf(url: string): string {
  // A scheme of one letter is a drive.
  const [, scheme, rest] = /^(?:([a-z][a-z0-9+.-]+):)?(.*)$/is.exec(url) ?? []
  // The rest of a database's URL may hold a password: it goes into no error.
  if (!rest || (scheme && scheme !== 'sqlite')) {
    throw new Error(
      `records.url: ${scheme ? `"${scheme}:" is not supported` : 'is empty'}; give sqlite:PATH, or a path`,
    )
  }
  return rest
}
