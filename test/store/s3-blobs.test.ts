import { randomBytes } from 'node:crypto'
import { Readable } from 'node:stream'
import { buffer } from 'node:stream/consumers'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import type { Blobs } from '../../store/blobs.ts'
import { openBlobs } from '../../store/open-blobs.ts'
import { bytesOfPart, mostBytes } from '../../store/s3/upload.ts'
import { madeReadyMs, type S3Server, s3Variables, startS3 } from '../support/s3.ts'
import { blobsConformance } from './blobs-conformance.ts'

const MiB = 1024 * 1024

let server: S3Server
beforeAll(async () => {
  server = await startS3()
}, madeReadyMs)
afterAll(() => server?.[Symbol.asyncDispose]())
afterEach(() => server.line.pass())

blobsConformance('a bucket', async () => openBlobs({ s3: { ...(await server.bucket()), prefix: 'some/where/' } }))

const all = (keys: AsyncIterable<string>): Promise<string[]> => Readable.from(keys).toArray()

async function open(): Promise<{ blobs: Blobs; Bucket: string }> {
  const place = await server.bucket()
  return { blobs: await openBlobs({ s3: place }), Bucket: place.bucket }
}
const uploads = async (Bucket: string) => (await server.client.listMultipartUploads({ Bucket })).Uploads ?? []

describe('blobs in a bucket', () => {
  it('are objects with their keys behind the prefix, apart from what else is there', async () => {
    const place = await server.bucket()
    const blobs = await openBlobs({ s3: { ...place, prefix: 'ours/' } })
    const others = await openBlobs({ s3: place })
    await others.put('files/a', Buffer.from('theirs'))
    await blobs.put('files/a', Buffer.from('ours'))
    expect(await all(others.list(''))).toEqual(['files/a', 'ours/files/a'])
    expect(await all(blobs.list('files/'))).toEqual(['files/a'])
    await blobs.deleteAll('')
    expect(await all(others.list(''))).toEqual(['files/a'])
  })

  it('are uploaded in parts when they are long, of which a failure leaves none', async () => {
    const { blobs, Bucket } = await open()
    const stream = Readable.from(
      (function* () {
        for (let count = 0; count < 20; count++) yield Buffer.alloc(MiB)
        throw new Error('the line went dead')
      })(),
    )
    await expect(blobs.putStream('a', stream)).rejects.toThrow('the line went dead')
    expect(await uploads(Bucket)).toEqual([])
    await blobs.putStream('a', Readable.from(Array(20).fill(Buffer.alloc(MiB))))
    const { ETag } = await server.client.headObject({ Bucket, Key: 'a' })
    expect(ETag).toMatch(/-3"$/)
    expect(await uploads(Bucket)).toEqual([])
  })

  it('free the buffers of a stream that are theirs, no others, and no part of a larger one', async () => {
    const { blobs } = await open()
    const chunks = Array.from({ length: 50 }, (_, index) => Buffer.alloc(70_000, index))
    const larger = Buffer.alloc(2000, 'x')
    await blobs.putStream('a', Readable.from([...chunks, larger.subarray(0, 1000)]), { ownsBuffers: true })
    expect(chunks.map(({ length }) => length)).toEqual(chunks.map(() => 0))
    expect(larger.toString()).toBe('x'.repeat(2000))
    await blobs.putStream('a', Readable.from([larger]))
    expect(larger.toString()).toBe('x'.repeat(2000))
  })

  it('have parts of one size up to 39 GiB, and are of half a TiB at most', () => {
    expect(new Set(Array.from({ length: 5000 }, (_, index) => bytesOfPart(index + 1)))).toEqual(new Set([8 * MiB]))
    expect([5001, 6000, 6001, 10_000].map(bytesOfPart)).toEqual([16, 16, 32, 256].map((size) => size * MiB))
    expect(mostBytes / 1024 ** 4).toBeCloseTo(0.51, 1)
  })

  it('are listed and deleted by the thousand', async () => {
    const { blobs, Bucket } = await open()
    const keys = Array.from({ length: 1003 }, (_, index) => `many/${String(index).padStart(4, '0')}`)
    const left = [...keys]
    const puts = async () => {
      for (let Key = left.pop(); Key; Key = left.pop()) await server.client.putObject({ Bucket, Key, Body: 'x' })
    }
    await Promise.all(Array.from({ length: 20 }, puts))
    expect(await all(blobs.list('many/'))).toEqual(keys)
    await blobs.put('other', Buffer.from('x'))
    await blobs.deleteAll('many/')
    expect(await all(blobs.list(''))).toEqual(['other'])
  })

  it('are deleted with what a process that died had uploaded in part', async () => {
    const { blobs, Bucket } = await open()
    for (const Key of ['sessions/1/a', 'sessions/2/a']) await server.client.createMultipartUpload({ Bucket, Key })
    await blobs.deleteAll('sessions/1/')
    expect((await uploads(Bucket)).map(({ Key }) => Key)).toEqual(['sessions/2/a'])
  })

  it('come whole when the connection breaks while they are read', async () => {
    const { blobs } = await open()
    const content = randomBytes(3_000_000)
    await blobs.put('a', content)
    let left = 1_000_000
    server.line.answers = (chunk) => {
      left -= chunk.length
      if (left > 0) return chunk
      left = 1_500_000
      return undefined
    }
    expect(content.equals(await buffer((await blobs.getStream('a'))!))).toBe(true)
  })

  it('are no mixture when they are replaced while they are read again', async () => {
    const { blobs, Bucket } = await open()
    await blobs.put('a', Buffer.alloc(3_000_000, 'a'))
    const { promise: isCut, resolve: wasCut } = Promise.withResolvers<void>()
    let left = 1_000_000
    server.line.answers = (chunk) => {
      left -= chunk.length
      if (left > 0) return chunk
      server.line.cut()
      wasCut()
      return undefined
    }
    const read = Promise.allSettled([buffer((await blobs.getStream('a'))!)])
    await isCut
    await server.client.putObject({ Bucket, Key: 'a', Body: Buffer.alloc(3_000_000, 'b') })
    server.line.pass()
    await server.line.mend()
    expect(await read).toMatchObject([{ reason: { code: 'storage_unavailable', reason: 'PreconditionFailed' } }])
  })

  it('are there when an upload was completed, and only the answer to that was lost', async () => {
    const { blobs, Bucket } = await open()
    const text = '<Error><Code>NoSuchUpload</Code><Message>gone</Message></Error>'
    const head = ['HTTP/1.1 404 Not Found', 'content-type: application/xml', `content-length: ${text.length}`]
    const completed = { asked: 0, answered: 0 }
    server.line.asks = (chunk) => {
      const asksToComplete = /^POST \S*uploadId=/.test(chunk.toString('latin1', 0, 2000))
      // What some services say who have done it, and are asked again.
      return asksToComplete && completed.asked++ > 0 ? Buffer.from(`${head.join('\r\n')}\r\n\r\n${text}`) : undefined
    }
    server.line.answers = (chunk) => {
      if (!chunk.includes('CompleteMultipartUploadResult')) return chunk
      completed.answered++
      return undefined
    }
    await blobs.putStream('a', Readable.from(Array(20).fill(Buffer.alloc(MiB, 'a'))))
    expect(completed).toEqual({ asked: 2, answered: 1 })
    expect((await server.client.headObject({ Bucket, Key: 'a' })).ContentLength).toBe(20 * MiB)
  })

  it('say that the bucket is away, keep what was there, and are back with it', async () => {
    const { blobs } = await open()
    await blobs.put('a', Buffer.from('before'))
    server.line.cut()
    const stream = Readable.from(Array(20).fill(Buffer.alloc(MiB)))
    const tried = await Promise.allSettled([
      blobs.put('a', Buffer.from('after')),
      blobs.get('a'),
      blobs.delete('a'),
      blobs.deleteAll('a'),
      all(blobs.list('')),
      blobs.putStream('a', stream),
    ])
    for (const one of tried) {
      expect(one).toMatchObject({ reason: { code: 'storage_unavailable', reason: 'ECONNREFUSED' } })
    }
    expect(stream.destroyed).toBe(true)
    await server.line.mend()
    expect(String(Buffer.from((await blobs.get('a'))!))).toBe('before')
  })

  it('do not pass a bucket that is not there for one that has nothing, nor tell anybody a key', async () => {
    const place = await server.bucket()
    const blobs = await openBlobs({ s3: { ...place, bucket: 'nowhere' } })
    const error: Error = await blobs.get('a').then(
      () => new Error('found nothing'),
      (error) => error,
    )
    expect(error).toMatchObject({ name: 'StorageUnavailable', reason: 'NoSuchBucket' })
    expect(error.cause).toBeUndefined()
    expect(error.message).toMatch(/^bucket nowhere: GetObject: NoSuchBucket/)
    const told = JSON.stringify({ ...error, message: error.message, stack: error.stack })
    for (const secret of Object.values(s3Variables)) expect(told).not.toContain(secret)
  })
})
