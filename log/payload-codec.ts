import { createCipheriv, createDecipheriv, createHash, randomBytes } from 'node:crypto'
import { promisify } from 'node:util'
import { zstdCompress, zstdCompressSync, zstdDecompress, zstdDecompressSync } from 'node:zlib'
import type { Payload, PayloadCodec } from '@temporalio/common'
import proto from '@temporalio/proto'
import { isId } from '../protocol/ids.ts'
import type { Blobs } from '../store/blobs.ts'

// A CommonJS module: its names can only be reached by way of the whole.
const { Payload: Payloads } = proto.temporal.api.common.v1
const compressAside = promisify(zstdCompress)
const decompressAside = promisify(zstdDecompress)

const encoding = 'binary/holdfast'
/** Shorter payloads gain nothing from compression. */
const smallest = 512
/** Up to here the way to another thread and back takes longer than the work: 300 µs beside 50 for what an announcement has. */
const largestAtOnce = 64 * 1024
/** Longer ones would slow the replay and near the server's limit of 2 MiB: they go to the blobs. */
const largestInline = 128 * 1024

export interface CodecOptions {
  blobs: Blobs
  /** AES-256 key; without one payloads are compressed but readable. */
  key?: Uint8Array
}

const isOurs = (workflowId: string) =>
  isId('session', workflowId) || /^(erase|holdfast-scheduled|holdfast-webhook)-/.test(workflowId)

interface Owner {
  type?: string
  workflowId?: string
}

/**
 * The one codec of every payload: compressed when that pays, encrypted when there is a key, and kept in the blobs with a
 * reference left behind when it is large. Steps are recorded in the payload's metadata, so that every combination
 * stays readable after the settings changed.
 */
export class HoldfastCodec implements PayloadCodec {
  readonly #blobs: Blobs
  readonly #key: Uint8Array | undefined

  constructor({ blobs, key }: CodecOptions) {
    this.#blobs = blobs
    this.#key = key
  }

  encode(payloads: Payload[], owner?: Owner): Promise<Payload[]> {
    return Promise.all(payloads.map((payload) => this.#encode(payload, owner)))
  }

  decode(payloads: Payload[]): Promise<Payload[]> {
    return Promise.all(payloads.map((payload) => this.#decode(payload)))
  }

  async #encode(payload: Payload, owner?: Owner): Promise<Payload> {
    const size = payload.data?.length ?? 0
    if (size < smallest && !this.#key) return payload
    // What a pipeline's own workflow asked for: its workers could not read anything else.
    if (owner?.workflowId !== undefined && !isOurs(owner.workflowId)) return payload
    const steps: string[] = []
    let data: Uint8Array = Payloads.encode(payload).finish()
    if (size >= smallest) {
      data = await compress(data)
      steps.push('zstd')
    }
    if (this.#key) {
      data = encrypt(data, this.#key)
      steps.push('aes-256-gcm')
    }
    if (data.length > largestInline) {
      // Below the session's own prefix, so that deleting the session deletes it; by content, so that a retry stores once.
      const key = `sessions/${owner?.workflowId ?? 'shared'}/payloads/${createHash('sha256').update(data).digest('hex')}`
      await this.#blobs.put(key, data)
      data = Buffer.from(key)
      steps.push('blob')
    }
    return { metadata: { encoding: Buffer.from(encoding), steps: Buffer.from(steps.join(',')) }, data }
  }

  async #decode(payload: Payload): Promise<Payload> {
    if (text(payload.metadata?.encoding) !== encoding) return payload
    let data: Uint8Array = payload.data ?? new Uint8Array()
    for (const step of text(payload.metadata?.steps).split(',').filter(Boolean).reverse()) {
      if (step === 'blob') data = await this.#fetch(Buffer.from(data).toString())
      else if (step === 'aes-256-gcm') data = decrypt(data, this.#key)
      else if (step === 'zstd') data = await decompress(data)
      else throw new Error(`payload step ${step} was made by a newer version`)
    }
    return Payloads.decode(data)
  }

  async #fetch(key: string): Promise<Uint8Array> {
    const data = await this.#blobs.get(key)
    if (!data) throw new Error(`payload ${key} is not in the blobs: are they those that the session was written with?`)
    return data
  }
}

const compress = (data: Uint8Array) => (data.length > largestAtOnce ? compressAside(data) : zstdCompressSync(data))
const decompress = (data: Uint8Array) =>
  data.length > largestAtOnce ? decompressAside(data) : zstdDecompressSync(data)

function text(bytes: Uint8Array | null | undefined): string {
  return bytes ? Buffer.from(bytes).toString() : ''
}

function encrypt(data: Uint8Array, key: Uint8Array): Uint8Array {
  const nonce = randomBytes(12)
  const cipher = createCipheriv('aes-256-gcm', key, nonce)
  return Buffer.concat([nonce, cipher.update(data), cipher.final(), cipher.getAuthTag()])
}

function decrypt(data: Uint8Array, key: Uint8Array | undefined): Uint8Array {
  if (!key) throw new Error('the payload is encrypted: set HOLDFAST_SECRET_KEY to the key it was written with')
  try {
    const decipher = createDecipheriv('aes-256-gcm', key, data.subarray(0, 12), { authTagLength: 16 })
    decipher.setAuthTag(data.subarray(-16))
    return Buffer.concat([decipher.update(data.subarray(12, -16)), decipher.final()])
  } catch (cause) {
    throw new Error('the payload was encrypted with another key, or is damaged: check HOLDFAST_SECRET_KEY', { cause })
  }
}
