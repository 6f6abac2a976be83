import { Readable } from 'node:stream'
import { describe, expect, it } from 'vitest'
import {
  bytesOf,
  changesSince,
  type Listing,
  readListing,
  TooMuch,
  toBytes,
} from '../../activities/workspace/listing.ts'
import { longName } from '../support/deep-folders.ts'

const roots = [
  'd 1 755 2 4096 8 1.0 1.0 workspace',
  'd 2 755 2 4096 8 1.0 1.0 outputs',
  'd 3 755 2 4096 8 1.0 1.0 home',
]
const read = (lines: string[], at = 1_000_000): Promise<Listing> =>
  readListing(Readable.from([Buffer.from(lines.map((line) => `${line}\0`).join(''), 'latin1')]), at)
const listed = (...lines: string[]) => read([...roots, ...lines])
const file = (path: string, { inode = 9, changed = '5.0', type = 'f' } = {}) =>
  `${type} ${inode} 644 1 10 8 ${changed} ${changed} ${path}`

describe('what changed', () => {
  it('is everything at first', async () => {
    const { changed, removed } = changesSince(undefined, await listed(file('workspace/a b')))
    expect(changed).toEqual(['workspace', 'outputs', 'home', 'workspace/a b'])
    expect(removed).toEqual([])
  })

  it('is nothing while nothing changes', async () => {
    const lines = [file('workspace/a'), file('workspace/b')]
    expect(changesSince(await listed(...lines), await listed(...lines))).toEqual({ changed: [], removed: [] })
  })

  it('is what is new, is another file, or was written to', async () => {
    const before = await listed(file('workspace/same'), file('workspace/other'), file('workspace/written'))
    const now = await listed(
      ...[file('workspace/same'), file('workspace/other', { inode: 10 })],
      ...[file('workspace/written', { changed: '6.0' }), file('workspace/new')],
    )
    expect(changesSince(before, now).changed).toEqual(['workspace/other', 'workspace/written', 'workspace/new'])
  })

  it('names what is gone once, with all that was below it', async () => {
    const folder = (path: string) => file(path, { type: 'd' })
    const before = await listed(folder('workspace/d'), folder('workspace/d/e'), file('workspace/d/e/f'), file('home/g'))
    expect(changesSince(before, await listed()).removed).toEqual(['workspace/d', 'home/g'])
  })

  it('has a folder that became a file, and the other way round, in both', async () => {
    const before = await listed(file('workspace/a', { type: 'd' }), file('workspace/a/b'), file('workspace/c'))
    const now = await listed(file('workspace/a'), file('workspace/c', { type: 'd' }))
    expect(changesSince(before, now)).toEqual({
      changed: ['workspace/a', 'workspace/c'],
      removed: ['workspace/a', 'workspace/c'],
    })
  })

  it('has again what was written to at the very moment of the look before', async () => {
    const lines = [...roots, file('workspace/a', { changed: '999.98' }), file('workspace/b', { changed: '999.90' })]
    expect(changesSince(await read(lines, 1_000_000), await read(lines, 1_001_000)).changed).toEqual(['workspace/a'])
  })
})

describe('a listing', () => {
  it('keeps names of any bytes, also when they come in pieces', async () => {
    const name = 'workspace/\xff \n-x'
    const bytes = Buffer.from([...roots, file(name)].map((line) => `${line}\0`).join(''), 'latin1')
    const { entries } = await readListing(Readable.from([...bytes].map((byte) => Buffer.of(byte))), 0)
    expect([...entries.keys()].at(-1)).toBe(name)
    expect(toBytes([name])).toEqual(Buffer.from(`${name}\0`, 'latin1'))
  })

  it('counts what content takes on the disk', async () => {
    const sparse = 'f 9 644 1 1073741824 16 5.0 5.0 workspace/sparse'
    expect(bytesOf(await listed(sparse)) - bytesOf(await listed())).toBe(16 * 512)
  })

  it('that was cut off is none', async () => {
    await expect(readListing(Readable.from([Buffer.from(roots.join('\0'))]), 0)).rejects.toThrow('cut off')
    await expect(read([])).rejects.toThrow('cut off')
  })

  it('has a bound', async () => {
    const many = Array.from({ length: 250_000 }, (_, index) => file(`workspace/${index}`))
    await expect(read([...roots, ...many])).rejects.toThrow(TooMuch)
  })

  it('has a bound of what its paths take, and reads no further: a few folders within each other have long ones', async () => {
    let levels = 0
    const lines = async function* () {
      yield Buffer.from(roots.map((line) => `${line}\0`).join(''))
      for (let at = 'workspace'; levels < 1000; levels++) {
        at += `/${longName}`
        yield Buffer.from(`${file(at, { type: 'd' })}\0`)
      }
    }
    await expect(readListing(Readable.from(lines()), 0)).rejects.toThrow(
      new TooMuch('their paths take more than 33554432 bytes'),
    )
    expect(levels).toBeLessThan(600)
  })

  it('leaves out what lies so deep that no program can name it', async () => {
    const longest = `workspace/${'d/'.repeat(2042)}f`
    const { entries } = await listed(file(longest), file(`${longest}f`))
    expect(longest).toHaveLength(4095)
    expect([...entries.keys()].slice(3)).toEqual([longest])
  })
})
