import { link, mkdir, rename, rm, symlink, truncate, utimes, writeFile } from 'node:fs/promises'
import path from 'node:path'
import { text } from 'node:stream/consumers'
import { beforeEach, describe, expect, it, onTestFinished } from 'vitest'
import type { OutputLimits } from '../../activities/outputs/output-limits.ts'
import { Outputs } from '../../activities/outputs/outputs.ts'
import { walk } from '../../activities/outputs/walk.ts'
import { removeTree } from '../../activities/remove-tree.ts'
import type { Blobs } from '../../store/blobs.ts'
import { openBlobs } from '../../store/open-blobs.ts'
import { openRecords } from '../../store/open-records.ts'
import type { Records } from '../../store/records.ts'
import { aConfiguration, aSession } from '../store/samples.ts'
import { longName, makeDeep } from '../support/deep-folders.ts'
import { temporaryFolder } from '../support/temporary-folder.ts'

const generous: OutputLimits = { fileBytes: 1e6, totalBytes: 1e7, files: 100 }

let base: string
let folder: string
let records: Records
let blobs: Blobs
let session: string

beforeEach(async () => {
  base = await temporaryFolder()
  folder = path.join(base, 'outputs')
  await mkdir(folder)
  records = await openRecords({ url: path.join(base, 'records.db') })
  onTestFinished(() => records.close())
  blobs = await openBlobs({ directory: path.join(base, 'blobs') })
  const row = aSession()
  session = row.id
  await records.sessions.insert(row, aConfiguration)
})

const outputs = (limits: Partial<OutputLimits> = {}) => new Outputs({ records, blobs }, { ...generous, ...limits })
const at = (name: string) => path.join(folder, name)

/** What is offered: name → content. */
async function offered(): Promise<Record<string, string>> {
  const { rows } = await records.files.list({ limit: 100, scope: session })
  const read = rows.map(async ({ metadata, blob }) => {
    const content = await text((await blobs.getStream(blob))!)
    expect(metadata.size_bytes).toBe(Buffer.byteLength(content))
    return [metadata.filename, content] as const
  })
  const entries = await Promise.all(read)
  expect(new Set(entries.map(([name]) => name)).size).toBe(entries.length)
  return Object.fromEntries(entries)
}

async function ids(): Promise<string[]> {
  return (await records.files.list({ limit: 100, scope: session })).rows.map(({ metadata }) => metadata.id).sort()
}

async function blobCount(): Promise<number> {
  let count = 0
  for await (const _ of blobs.list('files/')) count++
  return count
}

describe('the outputs of a session', () => {
  it('are offered with their paths, types and contents', async () => {
    await mkdir(at('report'))
    await writeFile(at('a.csv'), 'x,y\n')
    await writeFile(at('report/ä b.txt'), 'hello')
    await writeFile(at('empty'), '')
    expect(await outputs().capture(session, folder)).toEqual([])
    expect(await offered()).toEqual({ 'a.csv': 'x,y\n', 'report/ä b.txt': 'hello', empty: '' })
    const { rows } = await records.files.list({ limit: 100, scope: session })
    const csv = rows.find(({ metadata }) => metadata.filename === 'a.csv')!.metadata
    expect(csv).toMatchObject({
      mime_type: 'text/csv',
      downloadable: true,
      expires_at: null,
      scope: { type: 'session', id: session },
    })
  })

  it('of a session that has no folder are none', async () => {
    expect(await outputs().capture(session, path.join(base, 'nowhere'))).toEqual([])
  })

  it('are taken once, however often and by however many one looks', async () => {
    await writeFile(at('a'), 'one')
    await Promise.all([outputs().capture(session, folder), outputs().capture(session, folder)])
    const first = await ids()
    expect(first).toHaveLength(1)
    for (let looks = 0; looks < 3; looks++) await outputs().capture(session, folder)
    expect(await ids()).toEqual(first)
    expect(await blobCount()).toBe(1)
  })

  it('keep their id when they were only touched', async () => {
    await writeFile(at('a'), 'one')
    await outputs().capture(session, folder)
    const first = await ids()
    await utimes(at('a'), new Date(), new Date())
    await outputs().capture(session, folder)
    expect(await ids()).toEqual(first)
  })

  it('get a new id with new content, also of the same length and at once', async () => {
    await writeFile(at('a'), 'one')
    await outputs().capture(session, folder)
    const [first] = await ids()
    await writeFile(at('a'), 'two')
    await outputs().capture(session, folder)
    expect(await offered()).toEqual({ a: 'two' })
    expect(await ids()).not.toContain(first)
    expect(await blobCount()).toBe(1)
  })

  it('go when the agent removes them, and follow when it moves them', async () => {
    await writeFile(at('a'), 'one')
    await writeFile(at('b'), 'two')
    await outputs().capture(session, folder)
    await rm(at('a'))
    await rename(at('b'), at('c'))
    await outputs().capture(session, folder)
    expect(await offered()).toEqual({ c: 'two' })
    expect(await blobCount()).toBe(1)
  })

  it('stay deleted when their owner deleted them, until they are written again', async () => {
    await writeFile(at('a'), 'one')
    await utimes(at('a'), 1, 1)
    await outputs().capture(session, folder)
    await records.files.delete((await ids())[0]!)
    await outputs().capture(session, folder)
    expect(await offered()).toEqual({})
    await writeFile(at('a'), 'one more')
    await outputs().capture(session, folder)
    expect(await offered()).toEqual({ a: 'one more' })
  })

  it('are not doubled by a worker that died between content and row', async () => {
    await writeFile(at('a'), 'one')
    const dying = { ...records, outputs: { ...records.outputs, put: () => Promise.reject(new Error('killed')) } }
    const stores = { records: dying as Records, blobs }
    await expect(new Outputs(stores, generous).capture(session, folder)).rejects.toThrow('killed')
    await outputs().capture(session, folder)
    expect(await offered()).toEqual({ a: 'one' })
  })

  it('do not come back into a session that is being deleted', async () => {
    await writeFile(at('a'), 'one')
    await records.sessions.update(session, { deletedAt: new Date().toISOString() })
    await outputs().capture(session, folder)
    expect(await offered()).toEqual({})
    expect(await blobCount()).toBe(0)
  })

  it('wait, while a call runs, until nobody writes to them', async () => {
    await writeFile(at('a'), 'one')
    await outputs().capture(session, folder, { settledForMs: 3600_000 })
    expect(await offered()).toEqual({})
    await outputs().capture(session, folder, { settledForMs: 0 })
    expect(await offered()).toEqual({ a: 'one' })
    await rm(at('a'))
    await outputs().capture(session, folder, { settledForMs: 0 })
    expect(await offered()).toEqual({ a: 'one' })
  })
})

describe('what is no file of the outputs folder', () => {
  it('is not followed: links to files and folders elsewhere', async () => {
    await mkdir(path.join(base, 'elsewhere'))
    await writeFile(path.join(base, 'elsewhere/secret'), 'secret')
    await symlink(path.join(base, 'elsewhere/secret'), at('file'))
    await symlink(path.join(base, 'elsewhere'), at('folder'))
    await symlink('loop', at('loop'))
    expect(await outputs().capture(session, folder)).toEqual([])
    expect(await offered()).toEqual({})
  })

  it('is not taken: hard links, which the agent is told', async () => {
    await writeFile(path.join(base, 'secret'), 'secret')
    await link(path.join(base, 'secret'), at('linked'))
    expect(await outputs().capture(session, folder)).toEqual([
      { path: 'linked', reason: expect.stringContaining('hard link') },
    ])
    expect(await offered()).toEqual({})
  })

  it('does not replace the folder itself by a link', async () => {
    await rm(folder, { recursive: true })
    await mkdir(path.join(base, 'elsewhere'))
    await writeFile(path.join(base, 'elsewhere/secret'), 'secret')
    await symlink(path.join(base, 'elsewhere'), folder)
    await outputs()
      .capture(session, folder)
      .catch(() => {})
    expect(await offered()).toEqual({})
  })
})

describe('outputs beyond the bounds', () => {
  it('are refused by size, with a reason, once for each state', async () => {
    await writeFile(at('big'), '')
    await truncate(at('big'), 2e6)
    const taking = outputs()
    expect(await taking.capture(session, folder)).toEqual([
      { path: 'big', reason: 'it has 2000000 bytes, and one file may have 1000000' },
    ])
    expect(await taking.capture(session, folder)).toEqual([])
    await truncate(at('big'), 3e6)
    expect(await taking.capture(session, folder)).toHaveLength(1)
    await writeFile(at('big'), 'small')
    expect(await taking.capture(session, folder)).toEqual([])
    expect(await offered()).toEqual({ big: 'small' })
  })

  it('lose the older content when they grow too large', async () => {
    await writeFile(at('a'), 'small')
    await outputs().capture(session, folder)
    await truncate(at('a'), 2e6)
    expect(await outputs().capture(session, folder)).toHaveLength(1)
    expect(await offered()).toEqual({})
    expect(await blobCount()).toBe(0)
  })

  it('are taken once there is room', async () => {
    await writeFile(at('a'), '12345')
    const small = outputs({ totalBytes: 8 })
    await small.capture(session, folder)
    await writeFile(at('b'), '67890')
    expect(await small.capture(session, folder)).toEqual([{ path: 'b', reason: expect.stringContaining('8') }])
    expect(await small.capture(session, folder)).toEqual([])
    await rm(at('a'))
    await small.capture(session, folder)
    expect(await offered()).toEqual({ b: '67890' })
  })

  it('are refused by number', async () => {
    for (const name of ['a', 'b', 'c']) await writeFile(at(name), name)
    expect(await outputs({ files: 2 }).capture(session, folder)).toHaveLength(1)
    expect(Object.keys(await offered())).toHaveLength(2)
  })

  it('are not all looked at when their paths are too long together', async () => {
    onTestFinished(() => removeTree(folder))
    await makeDeep(folder, { levels: 31, files: 1000 })
    let characters = 0
    const { unseen } = await walk(folder, async (found) => {
      characters += found.path.length
    })
    expect(characters).toBeGreaterThan(4_000_000)
    expect(characters).toBeLessThan(6_000_000)
    expect(unseen).toContain(`${longName}/`.repeat(31))
  })

  it('have names of the API, or are refused', async () => {
    await writeFile(at('a:b?.txt'), '1')
    await writeFile(at('line\nbreak'), '2')
    expect(await outputs().capture(session, folder)).toEqual([
      { path: 'line\nbreak', reason: expect.stringContaining('control character') },
    ])
    expect(await offered()).toEqual({ 'a_b_.txt': '1' })
  })
})
