import { finished, Readable } from 'node:stream'
import type { StorageUnavailable } from '../blobs.ts'
import type { Bucket } from './bucket.ts'

/** How long content may stay away while it is waited for, milliseconds. */
const stallMs = 30_000
/** How often content that broke off is asked for again, before any more of it came. */
const mostResumptions = 5

interface Content {
  body: Readable
  etag: string | undefined
  /** Bytes. */
  size: number
}

/** Opens an object for reading; undefined when there is none. */
export async function download(bucket: Bucket, key: string): Promise<Download | undefined> {
  const content = await request(bucket, key).catch((error: StorageUnavailable) => {
    if (error.reason === 'NoSuchKey') return undefined
    throw error
  })
  return content && new Download(bucket, key, content)
}

/** An object's content. What breaks off or stands still is asked for anew from where it was, unless it was replaced meanwhile. */
class Download extends Readable {
  readonly #bucket: Bucket
  readonly #key: string
  readonly #content: Content
  #body: Readable
  /** Bytes that have come. */
  #position = 0
  #resumptions = 0
  #stall: NodeJS.Timeout | undefined

  constructor(bucket: Bucket, key: string, content: Content) {
    super()
    this.#bucket = bucket
    this.#key = key
    this.#content = content
    this.#body = this.#follow(content.body)
  }

  override _read(): void {
    this.#stall ??= setTimeout(() => this.#body.destroy(new Error(`nothing came for ${stallMs} ms`)), stallMs)
    this.#body.resume()
  }

  override _destroy(error: Error | null, done: (error: Error | null) => void): void {
    this.#wait()
    this.#body.destroy()
    done(error)
  }

  /** The time that a reader takes is not the bucket's. */
  #wait(): void {
    clearTimeout(this.#stall)
    this.#stall = undefined
  }

  #follow(body: Readable): Readable {
    body.pause()
    body.on('data', (chunk: Buffer) => {
      this.#position += chunk.length
      this.#resumptions = 0
      if (this.push(chunk)) this.#stall?.refresh()
      else {
        this.#wait()
        body.pause()
      }
    })
    finished(body, { writable: false }, (error) => {
      if (this.destroyed) return
      if (this.#position === this.#content.size) this.push(null)
      else this.#resume(error ?? new Error('the content is too short'))
    })
    return body
  }

  #resume(error: Error): void {
    this.#wait()
    const failed = () => this.destroy(this.#bucket.failure('GetObject', error))
    if (++this.#resumptions > mostResumptions) return void failed()
    request(this.#bucket, this.#key, { etag: this.#content.etag, from: this.#position }).then(
      ({ body }) => {
        if (this.destroyed) return void body.destroy()
        this.#body = this.#follow(body)
        this._read()
      },
      (refused) => this.destroy(refused),
    )
  }
}

async function request(bucket: Bucket, key: string, rest?: { etag: string | undefined; from: number }) {
  const range = rest && { Range: `bytes=${rest.from}-`, ...(rest.etag && { IfMatch: rest.etag }) }
  const { Body, ETag, ContentLength } = await bucket.ask('GetObject', (s3, options) =>
    s3.getObject({ ...bucket.place(key), ...range }, options),
  )
  return { body: Body as Readable, etag: ETag, size: ContentLength ?? 0 }
}
