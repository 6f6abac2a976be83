import { randomUUID } from 'node:crypto'
import type { CompletedPart } from '@aws-sdk/client-s3'
import { StorageUnavailable } from '../blobs.ts'
import { freeBuffer } from '../free-buffer.ts'
import type { Bucket } from './bucket.ts'

const MiB = 1024 * 1024
/** Source: https://docs.aws.amazon.com/AmazonS3/latest/userguide/qfacts.html */
const mostParts = 10_000

/**
 * Bytes of each part but the last, of an upload in parts. Some services want parts of one size, so these are 8 MiB up to
 * 39 GiB; then they grow, so that there is place for half a TiB.
 * @param number from 1
 */
export const bytesOfPart = (number: number) => 8 * MiB * 2 ** Math.max(0, Math.ceil(number / 1000) - 5)

/** What can be uploaded in parts. */
export const mostBytes = Array.from({ length: mostParts }, (_, index) => bytesOfPart(index + 1)).reduce((a, b) => a + b)

/** Stores one object. */
export async function putObject(bucket: Bucket, key: string, data: Uint8Array): Promise<void> {
  const object = { ...bucket.place(key), Body: data, ContentLength: data.length }
  await bucket.ask('PutObject', (s3, options) => s3.putObject(object, options), { bytes: data.length })
}

/**
 * Stores content that comes in parts, each but the last as long as `bytesOfPart` says. The buffers are freed. What fails
 * leaves nothing behind, unless the bucket is away by then.
 * @throws StorageUnavailable, and what the parts fail with
 */
export async function putParts(bucket: Bucket, key: string, parts: AsyncGenerator<Uint8Array, void>): Promise<void> {
  try {
    const first = await parts.next()
    const second = first.done ? first : await parts.next()
    if (first.done || second.done) await putObject(bucket, key, first.value ?? new Uint8Array())
    else await multipart(bucket, key, { first: first.value, second: second.value, rest: parts })
  } finally {
    await parts.return()
  }
}

interface Parts {
  first: Uint8Array
  second: Uint8Array
  rest: AsyncGenerator<Uint8Array, void>
}

async function multipart(bucket: Bucket, key: string, { first, second, rest }: Parts): Promise<void> {
  const place = bucket.place(key)
  const mark = randomUUID()
  const { UploadId } = await bucket.ask('CreateMultipartUpload', async (s3, options) => {
    // The client sends one with each part, but does not say so here.
    const isChecked = (await s3.config.requestChecksumCalculation()) === 'WHEN_SUPPORTED'
    const how = { Metadata: { upload: mark }, ...(isChecked && { ChecksumAlgorithm: 'CRC32' as const }) }
    return s3.createMultipartUpload({ ...place, ...how }, options)
  })
  const upload = { ...place, UploadId }
  const done: CompletedPart[] = []
  const send = async (data: Uint8Array, number: number) => {
    const bytes = data.length
    const part = { ...upload, PartNumber: number, Body: data, ContentLength: bytes }
    const sent = await bucket.ask('UploadPart', (s3, options) => s3.uploadPart(part, options), { bytes })
    freeBuffer(data)
    const { ETag, ChecksumCRC32 } = sent
    done.push({ PartNumber: number, ETag, ...(ChecksumCRC32 && { ChecksumCRC32 }) })
  }
  // One part is under way while the next is gathered.
  let sending = send(first, 1)
  let number = 1
  const sendNext = async (data: Uint8Array) => {
    await sending
    sending = send(data, ++number)
    // It is looked at when the next part is there.
    sending.catch(() => {})
  }
  try {
    await sendNext(second)
    for await (const data of rest) await sendNext(data)
    await sending
    await complete(bucket, key, { upload, done, mark })
  } catch (error) {
    // A part that arrives behind the abortion would stay.
    await sending.catch(() => {})
    await bucket.ask('AbortMultipartUpload', (s3, options) => s3.abortMultipartUpload(upload, options)).catch(() => {})
    throw error
  }
}

interface Gathered {
  upload: { Bucket: string; Key: string; UploadId: string | undefined }
  done: CompletedPart[]
  /** Stands with the object, when it is of this upload. */
  mark: string
}

async function complete(bucket: Bucket, key: string, { upload, done, mark }: Gathered): Promise<void> {
  try {
    await bucket.ask('CompleteMultipartUpload', (s3, options) =>
      s3.completeMultipartUpload({ ...upload, MultipartUpload: { Parts: done } }, options),
    )
  } catch (error) {
    // It may have been completed, and the answer was lost.
    if (!(error instanceof StorageUnavailable) || error.reason !== 'NoSuchUpload') throw error
    const { Metadata } = await bucket.ask('HeadObject', (s3, options) => s3.headObject(bucket.place(key), options))
    if (Metadata?.upload !== mark) throw error
  }
}
