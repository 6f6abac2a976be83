import path from 'node:path'
import { afterAll, beforeAll, onTestFinished } from 'vitest'
import { openRecords } from '../../store/open-records.ts'
import { type Postgres, startPostgres } from '../support/postgres.ts'
import { temporaryFolder } from '../support/temporary-folder.ts'
import { memoryConformance } from './memory-conformance.ts'
import { recordsConformance } from './records-conformance.ts'
import { skillConformance } from './skill-conformance.ts'
import { vaultConformance } from './vault-conformance.ts'
import { workspaceConformance } from './workspace-conformance.ts'

let postgres: Postgres
let postgresUrl: string
beforeAll(async () => {
  postgres = await startPostgres()
  postgresUrl = await postgres.url()
})
afterAll(() => postgres?.[Symbol.asyncDispose]())

const urls = {
  SQLite: async () => `sqlite:${path.join(await temporaryFolder(), 'records.db')}`,
  // To empty it is quicker than to make it anew.
  async PostgreSQL() {
    await postgres.empty(postgresUrl)
    return postgresUrl
  },
}

for (const [implementation, url] of Object.entries(urls)) {
  const open = async () => {
    const records = await openRecords({ url: await url() })
    onTestFinished(() => records.close())
    return records
  }
  recordsConformance(implementation, open)
  memoryConformance(implementation, open)
  skillConformance(implementation, open)
  vaultConformance(implementation, open)
  workspaceConformance(implementation, open)
}
