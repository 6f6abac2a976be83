import type { Kysely } from 'kysely'
import type { Records } from './records.ts'
import { isPostgresUrl } from './records-url.ts'
import { agentRecords } from './sql/agents.ts'
import { credentialRecords } from './sql/credentials.ts'
import { deploymentRunRecords } from './sql/deployment-runs.ts'
import { deploymentRecords } from './sql/deployments.ts'
import { environmentRecords } from './sql/environments.ts'
import { fileRecords } from './sql/files.ts'
import { memoryRecords } from './sql/memories.ts'
import { memoryStoreRecords } from './sql/memory-stores.ts'
import { memoryVersionRecords } from './sql/memory-versions.ts'
import { migrate } from './sql/migrations.ts'
import { outputRecords } from './sql/outputs.ts'
import type { Schema } from './sql/schema.ts'
import { sessionRecords } from './sql/sessions.ts'
import { skillRecords } from './sql/skills.ts'
import { snapshotRecords } from './sql/snapshots.ts'
import { openSqlite } from './sql/sqlite.ts'
import { vaultRecords } from './sql/vaults.ts'

export interface RecordsOptions {
  /** `sqlite:PATH`, just a path, or `postgres://USER@HOST:PORT/DATABASE`. */
  url: string
  /** Connections to PostgreSQL at most. @default 10 */
  connections?: number | undefined
  /** How long calls wait for a PostgreSQL that is away before they throw RecordsUnavailable. Milliseconds. @default 5 s */
  patienceMs?: number | undefined
}

/**
 * Opens the records and brings their schema up to date.
 * @throws DatabaseTooNew when a newer version wrote them, Error with the way out when the database cannot be used
 */
export async function openRecords(options: RecordsOptions): Promise<Records> {
  return recordsOver(await openDatabase(options))
}

/** The records in a database whose schema is up to date. */
export function recordsOver(database: Kysely<Schema>): Records {
  return {
    agents: agentRecords(database),
    environments: environmentRecords(database),
    files: fileRecords(database),
    sessions: sessionRecords(database),
    memoryStores: memoryStoreRecords(database),
    memories: memoryRecords(database),
    memoryVersions: memoryVersionRecords(database),
    outputs: outputRecords(database),
    skills: skillRecords(database),
    snapshots: snapshotRecords(database),
    vaults: vaultRecords(database),
    credentials: credentialRecords(database),
    deployments: deploymentRecords(database),
    deploymentRuns: deploymentRunRecords(database),
    close: () => database.destroy(),
  }
}

/** Opens the database of a URL and brings its schema up to date. */
export async function openDatabase(options: RecordsOptions): Promise<Kysely<Schema>> {
  const { url } = options
  if (!isPostgresUrl(url)) {
    const database = openSqlite(fileOf(url))
    await migrate(database).catch(async (error) => {
      await database.destroy()
      throw error
    })
    return database
  }
  // Loaded where it is used: it takes as long as a start of everything else in the store.
  const { openPostgres } = await import('./sql/postgres.ts')
  const { preparePostgres } = await import('./sql/prepare-postgres.ts')
  await preparePostgres(options)
  return openPostgres(options)
}

function fileOf(url: string): string {
  // A scheme of one letter is a drive.
  const [, scheme, rest] = /^(?:([a-z][a-z0-9+.-]+):)?(.*)$/is.exec(url) ?? []
  // The rest of a database's URL may hold a password: it goes into no error.
  if (!rest || (scheme && scheme !== 'sqlite')) {
    throw new Error(
      `records.url: ${scheme ? `"${scheme}:" is not supported` : 'is empty'}; give sqlite:PATH, a path, or postgres://USER@HOST:PORT/DATABASE`,
    )
  }
  return rest
}
