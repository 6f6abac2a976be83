import type { Readable } from 'node:stream'
import { buffer } from 'node:stream/consumers'
import type { ListMultipartUploadsCommandInput, ListMultipartUploadsCommandOutput } from '@aws-sdk/client-s3'
import { type Blobs, BlobTooLarge, checkKey, type PutStreamOptions, type StorageUnavailable } from '../blobs.ts'
import { freeBuffer } from '../free-buffer.ts'
import { Bucket, type S3Place } from './bucket.ts'
import { download } from './download.ts'
import { bytesOfPart, mostBytes, putObject, putParts } from './upload.ts'

/**
 * Blobs in a bucket of S3, or of a service that speaks it: strongly consistent, listed in the order of bytes. An object is
 * seen whole or not at all. What is being uploaded takes up to 24 MiB of memory, more above 39 GiB.
 */
export class S3Blobs implements Blobs {
  readonly #bucket: Bucket

  constructor(place: S3Place) {
    this.#bucket = new Bucket(place)
  }

  async put(key: string, data: Uint8Array): Promise<void> {
    checkKey(key)
    await putObject(this.#bucket, key, data)
  }

  async putStream(
    key: string,
    data: Readable,
    { maxBytes = mostBytes, hash, ownsBuffers = false }: PutStreamOptions = {},
  ): Promise<{ size: number }> {
    checkKey(key)
    // It may fail before anybody reads it; without a listener that would end the process. The reading sees it too.
    data.on('error', () => {})
    const most = Math.min(maxBytes, mostBytes)
    let size = 0
    const counted = async function* () {
      for await (const given of data) {
        const chunk: Uint8Array = typeof given === 'string' ? Buffer.from(given) : given
        size += chunk.length
        if (size > most) throw new BlobTooLarge(most)
        hash?.update(chunk)
        yield chunk
      }
    }
    await putParts(this.#bucket, key, inParts(counted(), ownsBuffers ? freeBuffer : () => {}))
    return { size }
  }

  async get(key: string): Promise<Uint8Array | undefined> {
    const content = await this.getStream(key)
    return content && buffer(content)
  }

  async getStream(key: string): Promise<Readable | undefined> {
    checkKey(key)
    return download(this.#bucket, key)
  }

  async delete(key: string): Promise<void> {
    checkKey(key)
    const bucket = this.#bucket
    await bucket.ask('DeleteObject', (s3, options) => s3.deleteObject(bucket.place(key), options))
  }

  async deleteAll(prefix: string): Promise<void> {
    const bucket = this.#bucket
    for await (const names of this.#pages(prefix)) {
      const objects = { Bucket: bucket.name, Delete: { Objects: names.map((Key) => ({ Key })), Quiet: true } }
      const { Errors } = await bucket.ask('DeleteObjects', (s3, options) => s3.deleteObjects(objects, options))
      const [first] = Errors ?? []
      if (first) throw bucket.failure('DeleteObjects', { name: first.Code ?? 'Error', message: first.Message ?? '' })
    }
    await this.#abortUploads(prefix)
  }

  async *list(prefix: string): AsyncIterable<string> {
    for await (const names of this.#pages(prefix)) yield* names.map((name) => this.#bucket.keyOf(name))
  }

  /** Names of the objects, by the thousand. */
  async *#pages(prefix: string): AsyncIterable<string[]> {
    const bucket = this.#bucket
    let next: string | undefined
    do {
      const from = { ...bucket.below(prefix), ...(next && { ContinuationToken: next }) }
      const page = await bucket.ask('ListObjectsV2', (s3, options) => s3.listObjectsV2(from, options))
      const names = (page.Contents ?? []).map(({ Key }) => Key!)
      if (names.length > 0) yield names
      next = page.IsTruncated ? page.NextContinuationToken : undefined
    } while (next)
  }

  /** What processes that died have uploaded in part is content, too. */
  async #abortUploads(prefix: string): Promise<void> {
    const bucket = this.#bucket
    let next: { KeyMarker?: string; UploadIdMarker?: string } | undefined = {}
    while (next) {
      const from: ListMultipartUploadsCommandInput = { ...bucket.below(prefix), ...next }
      const page: Partial<ListMultipartUploadsCommandOutput> = await bucket
        .ask('ListMultipartUploads', (s3, options) => s3.listMultipartUploads(from, options))
        .catch(unless('NotImplemented', {}))
      for (const { Key, UploadId } of page.Uploads ?? []) {
        const upload = { Bucket: bucket.name, Key, UploadId }
        await bucket
          .ask('AbortMultipartUpload', (s3, options) => s3.abortMultipartUpload(upload, options))
          .catch(unless('NoSuchUpload', undefined))
      }
      next = page.IsTruncated ? { KeyMarker: page.NextKeyMarker, UploadIdMarker: page.NextUploadIdMarker } : undefined
    }
  }
}

/** Puts chunks together to parts. @param used is told of each chunk that is copied */
async function* inParts(
  chunks: AsyncIterable<Uint8Array>,
  used: (chunk: Uint8Array) => void,
): AsyncGenerator<Uint8Array, void> {
  let gathered: Uint8Array[] = []
  let length = 0
  const take = () => {
    const part = Buffer.concat(gathered, length)
    gathered.forEach(used)
    gathered = []
    length = 0
    return part
  }
  let number = 1
  for await (let chunk of chunks) {
    while (length + chunk.length > bytesOfPart(number)) {
      const fits = bytesOfPart(number++) - length
      gathered.push(chunk.subarray(0, fits))
      length += fits
      chunk = chunk.subarray(fits)
      yield take()
    }
    gathered.push(chunk)
    length += chunk.length
  }
  if (length > 0) yield take()
}

const unless =
  <T>(reason: string, instead: T) =>
  (error: StorageUnavailable) => {
    if (error.reason === reason) return instead
    throw error
  }
