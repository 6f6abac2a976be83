import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFile } from 'node:fs/promises'
import path from 'node:path'
import { createInterface } from 'node:readline'
import { DatabaseSync } from 'node:sqlite'
import { CompiledQuery, type Kysely, type KyselyPlugin, type RootOperationNode, sql } from 'kysely'
import { describe, expect, it, onTestFinished } from 'vitest'
import { StorageFull } from '../../store/blobs.ts'
import { openRecords } from '../../store/open-records.ts'
import type { Records } from '../../store/records.ts'
import { agentRecords } from '../../store/sql/agents.ts'
import { credentialRecords } from '../../store/sql/credentials.ts'
import { deploymentRunRecords } from '../../store/sql/deployment-runs.ts'
import { deploymentRecords } from '../../store/sql/deployments.ts'
import { environmentRecords } from '../../store/sql/environments.ts'
import { fileRecords } from '../../store/sql/files.ts'
import { memoryRecords } from '../../store/sql/memories.ts'
import { memoryStoreRecords } from '../../store/sql/memory-stores.ts'
import { memoryVersionRecords } from '../../store/sql/memory-versions.ts'
import { DatabaseTooNew, migrate } from '../../store/sql/migrations.ts'
import { outputRecords } from '../../store/sql/outputs.ts'
import type { Schema } from '../../store/sql/schema.ts'
import { sessionRecords } from '../../store/sql/sessions.ts'
import { skillRecords } from '../../store/sql/skills.ts'
import { snapshotRecords } from '../../store/sql/snapshots.ts'
import { openSqlite } from '../../store/sql/sqlite.ts'
import { vaultRecords } from '../../store/sql/vaults.ts'
import { temporaryFolder } from '../support/temporary-folder.ts'
import { aFile, anAgent, second } from './samples.ts'

const databaseFile = async () => path.join(await temporaryFolder(), 'deep', 'records.db')

async function open(file: string): Promise<Records> {
  const records = await openRecords({ url: `sqlite:${file}` })
  onTestFinished(() => records.close())
  return records
}

function startProcess(file: string, ...args: string[]) {
  const child = spawn(
    process.execPath,
    [path.join(import.meta.dirname, 'records-process.ts'), `sqlite:${file}`, ...args],
    {
      stdio: ['ignore', 'pipe', 'inherit'],
    },
  )
  onTestFinished(() => void child.kill('SIGKILL'))
  return child
}

describe('records in one SQLite file', () => {
  it('are there again after closing', async () => {
    const file = await databaseFile()
    const agent = anAgent()
    const records = await openRecords({ url: file })
    await records.agents.insert(agent)
    await records.close()
    expect(await (await open(file)).agents.get(agent.id)).toEqual(agent)
  })

  it('can be made and changed by several processes at once', async () => {
    const file = await databaseFile()
    const children = [1, 2, 3].map(() => startProcess(file, 'insert'))
    // All of them begin on a file that is not there yet, and get as far as a row.
    await Promise.all(children.map((child) => once(child.stdout, 'data')))
    for (const child of children) child.kill('SIGKILL')
    const records = await open(file)
    const agent = anAgent()
    await records.agents.insert(agent)
    const codes = await Promise.all(
      [1, 2, 3].map(async () => (await once(startProcess(file, 'increment', agent.id), 'exit'))[0]),
    )
    expect(codes).toEqual([0, 0, 0])
    expect((await records.agents.get(agent.id))?.version).toBe(31)
    expect((await records.agents.versions(agent.id, { limit: 100 })).rows).toHaveLength(31)
  })

  it('keep every acknowledged row when the process is killed', async () => {
    const file = await databaseFile()
    const child = startProcess(file, 'insert')
    const acknowledged: string[] = []
    for await (const line of createInterface(child.stdout)) {
      acknowledged.push(line)
      if (acknowledged.length === 30) child.kill('SIGKILL')
    }
    const { agents } = await open(file)
    expect(acknowledged.length).toBeGreaterThanOrEqual(30)
    for (const id of acknowledged) expect(await agents.get(id)).toBeDefined()
  })

  it('are refused when a newer version wrote them, and left as they are', async () => {
    const file = await databaseFile()
    await (await openRecords({ url: file })).close()
    const database = new DatabaseSync(file)
    database.exec(`insert into migrations values (999, '${second(0)}')`)
    database.close()
    const before = await readFile(file)
    const error = await openRecords({ url: file }).catch((error) => error)
    expect(error).toBeInstanceOf(DatabaseTooNew)
    expect(error.message).toMatch(/schema 999.*newer version/)
    expect(await readFile(file)).toEqual(before)
  })

  it('of an older version are brought up to date: expiring files are known to be due', async () => {
    const file = await databaseFile()
    const upload = aFile({ expires_at: second(9) })
    const database = openSqlite(file)
    await migrate(database, 5)
    for (const { metadata, blob } of [upload, aFile()]) {
      const { id, created_at } = metadata
      const body = JSON.stringify(metadata)
      await database.insertInto('files').values({ id, created_at, scope: null, blob, body }).execute()
    }
    await database.destroy()
    expect(await (await open(file)).files.due(second(9), 5)).toEqual([upload])
  })

  it('say that the disk is full, and take the row when there is room again', async () => {
    const database = openSqlite(await databaseFile())
    onTestFinished(() => database.destroy())
    await migrate(database)
    const agents = agentRecords(database)
    const { rows } = await sql<{ page_count: number }>`pragma page_count`.execute(database)
    await sql.raw(`pragma max_page_count = ${rows[0]!.page_count}`).execute(database)
    const large = { ...anAgent(), system: 'x'.repeat(100_000) }
    await expect(agents.insert(large)).rejects.toBeInstanceOf(StorageFull)
    expect(await agents.get(large.id)).toBeUndefined()
    await sql.raw('pragma max_page_count = 1000000').execute(database)
    await agents.insert(large)
    expect(await agents.get(large.id)).toEqual(large)
  })

  it('are named by a path or with sqlite:, and the password of another URL is not repeated', async () => {
    await expect(openRecords({ url: '' })).rejects.toThrow('sqlite:PATH')
    const error = await openRecords({ url: 'mysql://me:hunter2@db/x' }).catch((error) => error)
    expect(error.message).toContain('mysql')
    expect(error.message).not.toContain('hunter2')
  })
})

describe('a page of a list', () => {
  /** How SQLite goes about the queries that `use` makes. */
  async function plans(use: (records: Omit<Records, 'close'>) => Promise<unknown>): Promise<string[]> {
    const database = openSqlite(await databaseFile())
    onTestFinished(() => database.destroy())
    await migrate(database)
    const nodes: { node: RootOperationNode; queryId: Parameters<KyselyPlugin['transformQuery']>[0]['queryId'] }[] = []
    const watched: Kysely<Schema> = database.withPlugin({
      transformQuery: ({ node, queryId }) => {
        nodes.push({ node, queryId })
        return node
      },
      transformResult: async ({ result }) => result,
    })
    await use({
      agents: agentRecords(watched),
      environments: environmentRecords(watched),
      files: fileRecords(watched),
      sessions: sessionRecords(watched),
      memoryStores: memoryStoreRecords(watched),
      memories: memoryRecords(watched),
      memoryVersions: memoryVersionRecords(watched),
      outputs: outputRecords(watched),
      skills: skillRecords(watched),
      snapshots: snapshotRecords(watched),
      vaults: vaultRecords(watched),
      credentials: credentialRecords(watched),
      deployments: deploymentRecords(watched),
      deploymentRuns: deploymentRunRecords(watched),
    })
    const steps: string[] = []
    for (const { node, queryId } of nodes) {
      const query = database.getExecutor().compileQuery(node, queryId)
      const plan = CompiledQuery.raw(`explain query plan ${query.sql}`, [...query.parameters])
      const { rows } = await database.executeQuery<{ detail: string }>(plan)
      steps.push(...rows.map(({ detail }) => detail))
    }
    return steps
  }

  const after = { createdAt: second(50), id: 'x' }

  it.each<[string, (records: Omit<Records, 'close'>) => Promise<unknown>]>([
    ['sessions', ({ sessions }) => sessions.list({ limit: 20, after })],
    ['sessions, backwards', ({ sessions }) => sessions.list({ limit: 20, after, backwards: true })],
    ['sessions, archived ones too', ({ sessions }) => sessions.list({ limit: 20, after, includeArchived: true })],
    ['sessions of an agent', ({ sessions }) => sessions.list({ limit: 20, after, agentId: 'agent_1' })],
    ['sessions of a deployment', ({ sessions }) => sessions.list({ limit: 20, after, deploymentId: 'depl_1' })],
    ['agents', ({ agents }) => agents.list({ limit: 20, after })],
    ['versions of an agent', ({ agents }) => agents.versions('agent_1', { limit: 20, after: 5 })],
    ['environments', ({ environments }) => environments.list({ limit: 20, after })],
    ['memory stores', ({ memoryStores }) => memoryStores.list({ limit: 20, after })],
    [
      'memories',
      ({ memories }) => memories.paths('memstore_1', { prefix: '/a/', from: { path: '/a/b', inclusive: true } }),
    ],
    [
      'memory versions',
      ({ memoryVersions }) => memoryVersions.list('memstore_1', { limit: 20, after: 9, withContent: true }),
    ],
    [
      'versions of a memory',
      ({ memoryVersions }) =>
        memoryVersions.list('memstore_1', { limit: 20, after: 9, memoryId: 'mem_1', withContent: true }),
    ],
    [
      'memory versions by a session',
      ({ memoryVersions }) =>
        memoryVersions.list('memstore_1', { limit: 20, after: 9, sessionId: 'sesn_1', withContent: false }),
    ],
    ['skills', ({ skills }) => skills.list({ limit: 20, after })],
    ['versions of a skill', ({ skills }) => skills.versions.list('skill_1', { limit: 20, after: 9 })],
    ['vaults', ({ vaults }) => vaults.list({ limit: 20, after })],
    ['credentials of a vault', ({ credentials }) => credentials.list('vlt_1', { limit: 20, after })],
    ['deployments', ({ deployments }) => deployments.list({ limit: 20, after })],
    ['deployments of an agent', ({ deployments }) => deployments.list({ limit: 20, after, agentId: 'agent_1' })],
    ['runs', ({ deploymentRuns }) => deploymentRuns.list({ limit: 20, after })],
    ['runs of a deployment', ({ deploymentRuns }) => deploymentRuns.list({ limit: 20, after, deploymentId: 'depl_1' })],
    ['files', ({ files }) => files.list({ limit: 20, after })],
    ['files of a session', ({ files }) => files.list({ limit: 20, after, scope: 'sesn_1' })],
  ])('of %s is found by an index, wherever it lies: nothing is scanned or sorted', async (_what, use) => {
    const steps = await plans(use)
    expect(steps).not.toHaveLength(0)
    for (const step of steps) expect(step).toMatch(/^SEARCH /)
  })

  it('of skills that nobody needs reads through none of the others', async () => {
    const steps = await plans(({ skills }) => skills.versions.unneeded(20))
    expect(steps[0]).toMatch(/^SEARCH skill_versions USING INDEX skill_versions_by_deletion /)
    expect(steps.filter((step) => step.startsWith('SCAN'))).toEqual([])
  })

  it('of sessions begins among the live ones without reading through the archived', async () => {
    expect(await plans(({ sessions }) => sessions.list({ limit: 20 }))).toEqual([
      'SCAN sessions USING INDEX sessions_live_by_time',
    ])
  })
})
