import { execFile } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { type Kysely, sql } from 'kysely'
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest'
import { createMemoryStore } from '../../protocol/memory-stores.ts'
import { createVault } from '../../protocol/vaults.ts'
import { openDatabase, openRecords } from '../../store/open-records.ts'
import { copyRecords, RecordsNotEmpty } from '../../store/sql/copy-records.ts'
import type { Schema } from '../../store/sql/schema.ts'
import { lockData } from '../../worker/data-lock.ts'
import { type Postgres, password, startPostgres } from '../support/postgres.ts'
import { temporaryFolder } from '../support/temporary-folder.ts'
import {
  aConfiguration,
  aCredential,
  aDeployment,
  aFile,
  anAgent,
  anEnvironment,
  aRun,
  aSession,
  aSkill,
  second,
} from './samples.ts'

const holdfast = fileURLToPath(new URL('../../bin/holdfast', import.meta.url))

let postgres: Postgres
beforeAll(async () => {
  postgres = await startPostgres()
})
afterAll(() => postgres?.[Symbol.asyncDispose]())

/** Records of every kind; of some more than are copied at once. */
async function filled(file: string): Promise<string> {
  const url = `sqlite:${file}`
  const records = await openRecords({ url })
  const { agents, environments, files, sessions, memoryStores, memories, outputs, snapshots, vaults, credentials } =
    records
  const { deployments, deploymentRuns } = records
  const { skill, version } = aSkill()
  await records.skills.insert(skill, version)
  for (let count = 0; count < 250; count++) await agents.insert(anAgent(second(count)))
  await environments.insert({ ...anEnvironment(), metadata: { '\0': 'ä🦊' } })
  await files.insert(aFile({ expires_at: second(100) }))
  const store = createMemoryStore({ name: 's' }, second(0))
  await memoryStores.insert(store)
  const by = { actor: null, now: second(1) }
  await memories.putMany(
    store.id,
    [1, 2].map((n) => ({ path: `/${n}`, content: 'a\0b', origin: `${n}` })),
    by,
  )
  const resource = {
    ...{ type: 'memory_store' as const, memory_store_id: store.id, access: 'read_only' as const, instructions: null },
    ...{ name: 's', description: '', mount_path: '/mnt/memory/s' },
  }
  const session = aSession({ resources: [resource], idempotencyKey: 'k' })
  const skills = [{ type: 'custom' as const, skill_id: skill.id, version: version.version.id }]
  await sessions.insert(session, { ...aConfiguration, skills }, { sesrsc_1: 'sealed' })
  const output = { path: 'a', signature: 's', sha256: 'x', size: 5_000_000_000, fileId: null }
  await outputs.put(session.id, output, { before: undefined })
  await snapshots.put(session.id, { sequence: 1, host: 'h', parts: [], checkouts: [] }, undefined)
  const vault = createVault({ display_name: 'v' }, second(0))
  await vaults.insert(vault)
  const credential = aCredential(vault.id)
  await credentials.insert({ credential, sealed: 'sealed' }, 'key', 20)
  await credentials.lease(credential.id, 'me', 0, Date.UTC(2100, 0))
  const deployment = aDeployment()
  await deployments.insert(deployment, 1)
  await deploymentRuns.fail({ run: aRun({ deployment_id: deployment.id }), key: 'run', pending: null }, undefined)
  await records.close()
  return url
}

/** Every row of every table but the schema's own history, which says when. */
async function rowsAt(url: string): Promise<Record<string, unknown[]>> {
  const database: Kysely<Schema> = await openDatabase({ url })
  try {
    const found: Record<string, unknown[]> = {}
    for (const { name } of await database.introspection.getTables()) {
      if (name === 'migrations' || name in found) continue
      const { rows } = await sql`select * from ${sql.table(name)}`.execute(database)
      found[name] = rows.map((row) => JSON.stringify({ ...(row as object) })).toSorted()
    }
    return found
  } finally {
    await database.destroy()
  }
}

describe('a copy of all records', () => {
  it('has every row of every table, from SQLite to PostgreSQL and back', async () => {
    const folder = await temporaryFolder()
    const from = await filled(path.join(folder, 'records.db'))
    const rows = await rowsAt(from)
    for (const [table, found] of Object.entries(rows)) expect([table, found.length > 0]).toEqual([table, true])
    const to = await postgres.url()
    const counts: Record<string, number> = {}
    await copyRecords({ from: { url: from }, to: { url: to } }, (table, count) => {
      counts[table] = count
    })
    expect(counts).toEqual(Object.fromEntries(Object.entries(rows).map(([table, { length }]) => [table, length])))
    expect(await rowsAt(to)).toEqual(rows)
    const back = `sqlite:${path.join(folder, 'back.db')}`
    await copyRecords({ from: { url: to }, to: { url: back } })
    expect(await rowsAt(back)).toEqual(rows)
    // There are records now.
    await expect(copyRecords({ from: { url: from }, to: { url: to } })).rejects.toBeInstanceOf(RecordsNotEmpty)
    expect(await rowsAt(to)).toEqual(rows)
  })

  it('is made again when the database had undone it, and says what there is', async () => {
    const from = await filled(path.join(await temporaryFolder(), 'records.db'))
    const to = await postgres.url()
    await (await openRecords({ url: to })).close()
    await postgres.run(
      `create sequence tries;
       create function give_way() returns trigger as $$
       begin
         if nextval('tries') < 3 then raise deadlock_detected; end if;
         return new;
       end $$ language plpgsql;
       create trigger give_way before insert on vaults for each row execute function give_way()`,
      to,
    )
    const rows = await rowsAt(from)
    let told = 0
    const copied = await copyRecords({ from: { url: from }, to: { url: to } }, (_, count) => {
      told += count
    })
    expect(copied).toBe(Object.values(rows).flat().length)
    // Each time that it was tried.
    expect(told).toBeGreaterThan(copied)
    expect(await rowsAt(to)).toEqual(rows)
  })

  it('takes keys along that are longer than an index of PostgreSQL bears, as older versions stored them', async () => {
    const url = `sqlite:${path.join(await temporaryFolder(), 'records.db')}`
    const to = await postgres.url()
    const records = await openRecords({ url })
    const vault = createVault({ display_name: 'v' }, second(0))
    await records.vaults.insert(vault)
    await records.credentials.insert({ credential: aCredential(vault.id), sealed: 's' }, 'key', 20)
    await records.close()
    const key = `server ${randomBytes(6000).toString('base64url')}`
    const database = await openDatabase({ url })
    await database.updateTable('vault_credentials').set({ key }).execute()
    await database.destroy()
    await copyRecords({ from: { url }, to: { url: to } })
    const copy = await openRecords({ url: to })
    onTestFinished(() => copy.close())
    expect(await copy.credentials.insert({ credential: aCredential(vault.id), sealed: 's' }, key, 20)).toBe('duplicate')
  })

  it('that fails leaves none', async () => {
    const from = await filled(path.join(await temporaryFolder(), 'records.db'))
    const to = await postgres.url()
    const copying = copyRecords({ from: { url: from }, to: { url: to } }, (table) => {
      if (table === 'vaults') throw new Error('the line went dead')
    })
    await expect(copying).rejects.toThrow('the line went dead')
    expect(Object.values(await rowsAt(to)).flat()).toEqual([])
  })

  it('is made by a command, while nothing else runs on the data folder', async () => {
    const folder = await temporaryFolder()
    const data = path.join(folder, 'data')
    const from = await filled(path.join(data, 'records.db'))
    const to = await postgres.url()
    const run = () =>
      promisify(execFile)(process.execPath, [holdfast, 'records', 'copy', '--data', data, '--to', to], { cwd: folder })
    const lock = await lockData(data)
    const refused = await run().catch((error) => error)
    expect(refused).toMatchObject({ code: 1, stderr: expect.stringContaining('stop it first') })
    lock.release()
    const { stdout, stderr } = await run()
    expect(stdout).toMatch(/^copied \d+ rows; now set records.url/)
    expect(stderr).toContain('agents: 250')
    expect(await rowsAt(to)).toEqual(await rowsAt(from))
    for (const said of [refused.stderr, stdout, stderr]) expect(said).not.toContain(password)
  })
})
