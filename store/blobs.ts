import type { Hash } from 'node:crypto'
import type { Readable } from 'node:stream'

/**
 * Content by key: uploads, sealed segments, large payloads, snapshots. A key is a relative path of letters, digits,
 * `.`, `_`, `-` and `/`. What was put is there until it is deleted, also after a power cut.
 */
export interface Blobs {
  /** Stores all at once; replaces what was there. */
  put(key: string, data: Uint8Array): Promise<void>
  /**
   * Stores a stream without holding it in memory; a stream that fails leaves nothing behind. Returns its bytes.
   * @throws BlobTooLarge, StorageFull, StorageUnavailable, and what the stream fails with
   */
  putStream(key: string, data: Readable, options?: PutStreamOptions): Promise<{ size: number }>
  /** The content, or undefined when there is none. */
  get(key: string): Promise<Uint8Array | undefined>
  getStream(key: string): Promise<Readable | undefined>
  delete(key: string): Promise<void>
  /** Deletes every key that starts with the prefix. */
  deleteAll(prefix: string): Promise<void>
  /** Keys that start with the prefix, in order. */
  list(prefix: string): AsyncIterable<string>
}

export interface PutStreamOptions {
  /** @default no bound */
  maxBytes?: number
  /** Takes what is stored, as it comes. */
  hash?: Hash
  /**
   * Nobody else uses the stream's buffers, and none comes twice: the memory of each is free as soon as it is written, not
   * when a collection comes to it. @default false
   */
  ownsBuffers?: boolean
}

/** Thrown by `putStream` when the stream is longer than `maxBytes`. */
export class BlobTooLarge extends Error {
  override readonly name = 'BlobTooLarge'
  readonly maxBytes: number
  constructor(maxBytes: number) {
    super(`content is longer than ${maxBytes} bytes`)
    this.maxBytes = maxBytes
  }
}

/** Holdfast's own folder in the place where blobs are; no key begins so. */
export const partials = '.partial'

/** @throws Error when it is no key of a blob */
export function checkKey(key: string): void {
  const parts = key.split('/')
  const usable = parts.every((part) => /^[A-Za-z0-9._-]+$/.test(part) && part !== '.' && part !== '..')
  if (!usable || parts[0] === partials) throw new Error(`${JSON.stringify(key)} is no key of a blob`)
}

/**
 * Thrown when the place where blobs are does not answer, or refuses. What was being written is not there, unless only the
 * answer was lost.
 */
export class StorageUnavailable extends Error {
  override readonly name = 'StorageUnavailable'
  readonly code = 'storage_unavailable'
  /** What the place calls it, such as `AccessDenied` or `ECONNREFUSED`. */
  readonly reason: string
  /** It says no, and will say it again: a setting or a permission is wrong. Otherwise it is away. */
  readonly isRefusal: boolean
  constructor(message: string, { reason, isRefusal = false }: { reason: string; isRefusal?: boolean }) {
    super(message)
    this.reason = reason
    this.isRefusal = isRefusal
  }
}

/** Thrown when the disk has no room; what was being written is not there. */
export class StorageFull extends Error {
  override readonly name = 'StorageFull'
  readonly code = 'storage_full'
  constructor(directory: string, cause?: unknown) {
    super(`no space left in ${directory}: free some, or point the data folder at a larger disk`, { cause })
  }
}
