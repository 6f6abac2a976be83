import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { copyFile, mkdtemp, rm, stat } from 'node:fs/promises'
import os from 'node:os'
import path from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { afterAll, beforeAll, expect, it, onTestFinished } from 'vitest'
import { freePort } from '../../worker/temporal-server/free-port.ts'
import { resolveBinary } from '../../worker/temporal-server/resolve-binary.ts'
import { serverArguments } from '../../worker/temporal-server/settings.ts'
import { tuneVisibility } from '../../worker/temporal-server/tune-visibility.ts'
import { startTestTemporal } from '../support/temporal.ts'
import { temporaryFolder } from '../support/temporary-folder.ts'
import { until } from '../support/until.ts'

const table = 'executions_visibility'
let folder: string
let asTheServerMadeIt: string
let server: ChildProcess

beforeAll(async () => {
  folder = await mkdtemp(path.join(os.tmpdir(), 'holdfast-test-'))
  asTheServerMadeIt = path.join(folder, 'temporal.db')
  const { path: binary } = await resolveBinary()
  const line = serverArguments({ databaseFile: asTheServerMadeIt, port: await freePort() })
  server = spawn(binary, line, { stdio: 'ignore' })
  const ended = once(server, 'exit')
  await until(async () => (await exists(asTheServerMadeIt)) && lastPartIsThere())
  server.kill('SIGKILL')
  await ended
  // All of it in the one file that is copied.
  const database = new DatabaseSync(asTheServerMadeIt)
  database.exec('PRAGMA wal_checkpoint(TRUNCATE)')
  database.close()
})
afterAll(async () => {
  server.kill('SIGKILL')
  await rm(folder, { recursive: true, force: true })
})

const exists = (file: string) =>
  stat(file).then(
    () => true,
    () => false,
  )

function lastPartIsThere(): boolean {
  const database = new DatabaseSync(asTheServerMadeIt, { readOnly: true, timeout: 10_000 })
  try {
    return database.prepare('SELECT 1 FROM sqlite_master WHERE name = ?').get(`${table}_au`) !== undefined
  } finally {
    database.close()
  }
}

interface Row {
  run: string
  id: string
  status: number
  attributes: Record<string, unknown>
}

/** The statement with which the server writes a row, and writes it again. */
function write(database: DatabaseSync, { run, id, status, attributes }: Row, version: number): void {
  const ended = status === 1 ? null : '2026-01-02 00:00:00.000+00:00'
  const row = {
    namespace_id: 'namespace',
    run_id: run,
    _version: version,
    start_time: '2026-01-01 00:00:00.000+00:00',
    execution_time: '2026-01-01 00:00:00.000+00:00',
    workflow_id: id,
    workflow_type_name: 'session',
    status,
    close_time: ended,
    history_length: ended && version,
    memo: Buffer.alloc(300, version % 256),
    encoding: 'Proto3',
    task_queue: 'holdfast',
    search_attributes: Object.keys(attributes).length > 0 ? JSON.stringify(attributes) : null,
    root_workflow_id: id,
    root_run_id: run,
  }
  const names = Object.keys(row)
  database
    .prepare(
      `INSERT INTO ${table} (${names.join(', ')}) VALUES (${names.map(() => '?').join(', ')})
       ON CONFLICT (namespace_id, run_id) DO UPDATE SET ${names.map((name) => `${name} = excluded.${name}`).join(', ')}
       WHERE ${table}._version < excluded._version`,
    )
    .run(...Object.values(row))
}

const order = `ORDER BY COALESCE(close_time, '9999-12-31 23:59:59+00:00') DESC, start_time DESC, run_id`
const select = (where: string) =>
  `SELECT run_id FROM ${table} WHERE namespace_id = 'namespace' AND ${where} AND TemporalNamespaceDivision IS NULL ${order}`
const matching = (index: string, match: string) =>
  `rowid IN (SELECT rowid FROM ${table}_fts_${index} WHERE ${table}_fts_${index} MATCH '${match}')`

async function copies(...names: string[]): Promise<string[]> {
  const place = await temporaryFolder()
  const files = names.map((name) => path.join(place, name))
  await Promise.all(files.map((file) => copyFile(asTheServerMadeIt, file)))
  return files
}

function open(file: string): DatabaseSync {
  const database = new DatabaseSync(file)
  onTestFinished(() => database.close())
  return database
}

it('finds what was found before, whatever is written, changed and deleted', async () => {
  const [plainFile, tunedFile] = (await copies('plain', 'tuned')) as [string, string]
  const before: Row = { run: 'before', id: 'before', status: 1, attributes: { Text01: 'old words' } }
  const databases = [open(plainFile), open(tunedFile)]
  const both = (work: (database: DatabaseSync) => void) => databases.forEach(work)
  // What was there when it is tuned is not forgotten either.
  both((database) => write(database, before, 1))
  both((database) => write(database, { ...before, run: 'empty', attributes: {} }, 1))
  tuneVisibility(tunedFile)

  const choices: Record<string, unknown>[] = [
    {},
    { Keyword01: 'red' },
    { Keyword01: 'blue', Int01: 7 },
    { Text01: 'words of the first' },
    { Text01: 'more words', Text02: 'other words', KeywordList01: 'red♡blue' },
    { KeywordList01: 'blue', BuildIds: 'unversioned♡one' },
    { BuildIds: 'unversioned♡one' },
    { TemporalNamespaceDivision: 'elsewhere', Bool01: true },
  ]
  const queries = [
    select('true'),
    select('status = 1'),
    select(`Keyword01 = 'red'`),
    select(`Keyword01 IN ('red', 'blue')`),
    select('Keyword01 IS NULL'),
    select('Keyword01 IS NOT NULL'),
    select('Int01 > 3'),
    select('history_length BETWEEN 1 AND 100'),
    select(matching('text', 'Text01 : words')),
    select(matching('text', 'words')),
    select(matching('keyword_list', 'KeywordList01 : blue')),
    select(matching('keyword_list', 'BuildIds : one')),
    `SELECT run_id FROM ${table} WHERE namespace_id = 'namespace' AND TemporalNamespaceDivision = 'elsewhere' ${order}`,
  ]
  const found = (database: DatabaseSync) => queries.map((query) => database.prepare(query).all())
  const seen = queries.map(() => 0)
  let version = 1
  let seed = 11
  const next = (below: number) => {
    seed = (seed * 48_271) % 2_147_483_647
    return seed % below
  }
  for (let step = 0; step < 400; step++) {
    const run = next(20) === 0 ? ['before', 'empty'][next(2)]! : `run-${next(40)}`
    if (next(8) === 0) both((database) => database.prepare(`DELETE FROM ${table} WHERE run_id = ?`).run(run))
    else {
      const row = { run, id: `id-${run}`, status: 1 + next(2), attributes: choices[next(choices.length)]! }
      version++
      both((database) => write(database, row, version))
    }
    if (step % 20 !== 0) continue
    const now = found(databases[1]!)
    expect(now).toEqual(found(databases[0]!))
    for (const [index, rows] of now.entries()) seen[index]! += rows.length
  }
  // Nothing at all would be equal, too.
  expect(Math.min(...seen)).toBeGreaterThan(10)
})

it('looks for ids where ids are, and writes less than half of it for a change of state', async () => {
  const [plainFile, tunedFile] = (await copies('plain', 'tuned')) as [string, string]
  tuneVisibility(tunedFile)
  const [plain, tuned] = [open(plainFile), open(tunedFile)]
  const plan = (database: DatabaseSync) =>
    database
      .prepare(`EXPLAIN QUERY PLAN ${select(`status = 1 AND workflow_id IN ('a', 'b', 'c')`)} LIMIT 3`)
      .all()
      .map(({ detail }) => detail)
      .join()
  expect(plan(plain)).toContain('by_status')
  expect(plan(tuned)).toContain('by_workflow_id')

  const written = async (database: DatabaseSync, file: string) => {
    database.exec('PRAGMA wal_autocheckpoint = 0')
    for (let version = 1; version <= 20; version++) {
      write(database, { run: 'run', id: 'id', status: 1, attributes: { BuildIds: 'unversioned♡one' } }, version)
    }
    return (await stat(`${file}-wal`)).size
  }
  expect(await written(tuned, tunedFile)).toBeLessThan((await written(plain, plainFile)) / 2)
})

it('is what the embedded server starts with, on a new file and on one that was there', async () => {
  const isTuned = (dataDir: string) =>
    String(
      open(path.join(dataDir, 'temporal.db'))
        .prepare(`SELECT sql FROM sqlite_master WHERE name = 'by_keyword_01'`)
        .get()!.sql,
    ).endsWith('WHERE Keyword01 IS NOT NULL')
  const fresh = await startTestTemporal()
  onTestFinished(() => fresh.remove())
  expect(isTuned(fresh.dataDir)).toBe(true)

  const dataDir = await temporaryFolder()
  await copyFile(asTheServerMadeIt, path.join(dataDir, 'temporal.db'))
  expect(isTuned(dataDir)).toBe(false)
  const old = await startTestTemporal({ dataDir })
  onTestFinished(() => old.stop())
  expect(isTuned(dataDir)).toBe(true)
})

it('leaves alone what it does not know', async () => {
  const file = path.join(await temporaryFolder(), 'other.db')
  const database = open(file)
  database.exec('CREATE TABLE other (name TEXT); CREATE INDEX by_name ON other (name)')
  const shape = () => database.prepare('SELECT * FROM sqlite_master').all()
  const before = shape()
  tuneVisibility(file)
  expect(shape()).toEqual(before)
})
