import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdir, readdir, utimes, writeFile } from 'node:fs/promises'
import path from 'node:path'
import { Readable } from 'node:stream'
import { text } from 'node:stream/consumers'
import { describe, expect, it } from 'vitest'
import { openBlobs } from '../../store/open-blobs.ts'
import { temporaryFolder } from '../support/temporary-folder.ts'
import { blobsConformance } from './blobs-conformance.ts'

blobsConformance('a folder', async () => openBlobs({ directory: path.join(await temporaryFolder(), 'new', 'blobs') }))

describe('blobs in a folder', () => {
  it('are there again after opening', async () => {
    const directory = await temporaryFolder()
    await (await openBlobs({ directory })).put('a/b', Buffer.from('x'))
    expect(Buffer.from((await (await openBlobs({ directory })).get('a/b'))!).toString()).toBe('x')
  })

  it('are rid of what processes left that died long ago, not of what is being written', async () => {
    const directory = await temporaryFolder()
    const partials = path.join(directory, '.partial')
    await mkdir(partials)
    for (const name of ['old', 'fresh']) await writeFile(path.join(partials, name), 'half')
    const longAgo = new Date(Date.now() - 48 * 3600 * 1000)
    await utimes(path.join(partials, 'old'), longAgo, longAgo)
    const blobs = await openBlobs({ directory })
    expect(await readdir(partials)).toEqual(['fresh'])
    expect(await Readable.from(blobs.list('')).toArray()).toEqual([])
    await expect(blobs.get('.partial/fresh')).rejects.toThrow('no key of a blob')
  })

  it('leave no partial file behind, done or failed', async () => {
    const directory = await temporaryFolder()
    const blobs = await openBlobs({ directory })
    await blobs.put('a', Buffer.from('x'))
    await blobs.putStream('b', Readable.from([Buffer.alloc(2)]), { maxBytes: 1 }).catch(() => {})
    expect(await readdir(path.join(directory, '.partial'))).toEqual([])
  })

  it('free the buffers of a stream that are theirs, and no part of a larger one', async () => {
    const blobs = await openBlobs({ directory: await temporaryFolder() })
    const whole = Array.from({ length: 50 }, (_, index) => Buffer.alloc(70_000, index))
    const larger = Buffer.alloc(2000, 'x')
    const parts = [...whole, larger.subarray(0, 1000)]
    const content = Buffer.concat(parts)
    await blobs.putStream('a', Readable.from(parts), { ownsBuffers: true })
    expect(content.equals((await blobs.get('a'))!)).toBe(true)
    expect(whole.map(({ length }) => length)).toEqual(whole.map(() => 0))
    expect(larger.toString()).toBe('x'.repeat(2000))
  })

  it('leave the buffers of others as they are', async () => {
    const blobs = await openBlobs({ directory: await temporaryFolder() })
    const buffer = Buffer.alloc(70_000, 'x')
    await blobs.putStream('a', Readable.from([buffer]))
    expect(buffer.toString()).toBe('x'.repeat(70_000))
  })
})

/** Runs the script in a namespace of its own whose `$1` is a disk of 256 KiB. */
function onSmallDisk(script: string, folder: string) {
  const mount = 'mount -t tmpfs -o size=256k none "$1" && exec "$2" "$3" "$1"'
  return spawn('unshare', ['-Urm', 'sh', '-c', mount, 'sh', folder, process.execPath, script], {
    stdio: ['ignore', 'pipe', 'ignore'],
  })
}

describe('blobs on a full disk', () => {
  it('say so and how to go on, leave nothing half, and work again when there is room', async (context) => {
    const folder = await temporaryFolder()
    const child = onSmallDisk(path.join(import.meta.dirname, 'full-disk-process.ts'), folder)
    const started = once(child, 'spawn').then(
      () => true,
      () => false,
    )
    const output = (await started) ? await text(child.stdout) : ''
    // Mounting takes user namespaces, which not every machine gives.
    if (!output) return context.skip('no user namespaces here')
    expect(JSON.parse(output)).toEqual({
      errors: ['StorageFull', 'StorageFull'],
      message: expect.stringContaining('no space left'),
      keys: ['small'],
      partials: [],
      later: 'fits',
    })
  })
})
