import { randomUUID } from 'node:crypto'
import fs, { createWriteStream } from 'node:fs'
import { chmod, mkdir, open, opendir, readdir, readFile, rename, rm, stat, writeFile } from 'node:fs/promises'
import path from 'node:path'
import { type Readable, Transform } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { type Blobs, BlobTooLarge, checkKey, type PutStreamOptions, partials, StorageFull } from './blobs.ts'
import { freeBuffer } from './free-buffer.ts'

/** Older ones were left by a process that died. */
const partialLifeMs = 24 * 3600 * 1000

/** Blobs in a folder. Content is written beside its place, made durable, then moved there: it is whole or not at all. */
export async function openFileBlobs({ directory }: { directory: string }): Promise<Blobs> {
  // Absolute, so that the process may change its working directory.
  const root = path.resolve(directory)
  await makeFolder(path.join(root, partials))
  // Nobody else on the host may read it. A folder that is not ours was made for us by somebody who knows.
  await chmod(root, 0o700).catch((error: NodeJS.ErrnoException) => {
    if (error.code !== 'EPERM') throw error
  })
  await removeOldPartials(path.join(root, partials))
  return new FileBlobs(root)
}

class FileBlobs implements Blobs {
  readonly #directory: string

  constructor(directory: string) {
    this.#directory = directory
  }

  async put(key: string, data: Uint8Array): Promise<void> {
    await this.#write(key, (partial) => writeFile(partial, data, { ...fresh, flag: 'wx' }))
  }

  async putStream(
    key: string,
    data: Readable,
    { maxBytes = Number.POSITIVE_INFINITY, hash, ownsBuffers = false }: PutStreamOptions = {},
  ): Promise<{ size: number }> {
    // It may fail before anybody reads it; without a listener that would end the process. The reading sees it too.
    data.on('error', () => {})
    let size = 0
    const counted = new Transform({
      transform(chunk: Buffer, _encoding, done) {
        size += chunk.length
        if (size > maxBytes) return done(new BlobTooLarge(maxBytes))
        hash?.update(chunk)
        done(null, chunk)
      },
    })
    const how = { ...fresh, flags: 'wx', highWaterMark: waitingBytes, ...(ownsBuffers && { fs: freeing }) }
    await this.#write(key, (partial) => pipeline(data, counted, createWriteStream(partial, how)))
    return { size }
  }

  async get(key: string): Promise<Uint8Array | undefined> {
    return readFile(this.#path(key)).catch(unlessMissing)
  }

  async getStream(key: string): Promise<Readable | undefined> {
    const file = await open(this.#path(key)).catch(unlessMissing)
    if (!file) return undefined
    if ((await file.stat()).isFile()) return file.createReadStream()
    await file.close()
    return undefined
  }

  async delete(key: string): Promise<void> {
    await rm(this.#path(key), { force: true })
  }

  async deleteAll(prefix: string): Promise<void> {
    if (prefix.endsWith('/')) {
      await rm(this.#path(prefix.slice(0, -1)), { recursive: true, force: true })
      return
    }
    for await (const key of this.list(prefix)) await this.delete(key)
  }

  async *list(prefix: string): AsyncIterable<string> {
    const folder = prefix.slice(0, prefix.lastIndexOf('/') + 1)
    const entries = await readdir(folder ? this.#path(folder.slice(0, -1)) : this.#directory, {
      recursive: true,
      withFileTypes: true,
    }).catch(unlessMissing)
    const keys = (entries ?? [])
      .filter((entry) => entry.isFile())
      .map((entry) => path.relative(this.#directory, path.join(entry.parentPath, entry.name)).split(path.sep).join('/'))
    yield* keys.filter((key) => key.startsWith(prefix) && !key.startsWith(`${partials}/`)).sort()
  }

  async #write(key: string, fill: (partial: string) => Promise<void>): Promise<void> {
    const target = this.#path(key)
    const partial = path.join(this.#directory, partials, randomUUID())
    try {
      await fill(partial)
      await makeFolder(path.dirname(target))
      await rename(partial, target)
      await syncFolder(path.dirname(target))
    } catch (error) {
      await rm(partial, { force: true }).catch(() => {})
      const { code } = error as NodeJS.ErrnoException
      if (code === 'ENOSPC' || code === 'EDQUOT') throw new StorageFull(this.#directory, error)
      throw error
    }
  }

  #path(key: string): string {
    checkKey(key)
    return path.join(this.#directory, ...key.split('/'))
  }
}

/** New folders are entries of their parents, which must reach the disk as well. */
async function makeFolder(folder: string): Promise<void> {
  const first = await mkdir(folder, { recursive: true, mode: 0o700 })
  if (first === undefined) return
  for (let made = folder; made.length >= first.length; made = path.dirname(made)) await syncFolder(path.dirname(made))
}

async function syncFolder(folder: string): Promise<void> {
  const handle = await open(folder)
  try {
    await handle.sync()
  } finally {
    await handle.close()
  }
}

async function removeOldPartials(folder: string): Promise<void> {
  for await (const entry of await opendir(folder)) {
    const file = path.join(folder, entry.name)
    const age = await stat(file).then(
      ({ mtimeMs }) => Date.now() - mtimeMs,
      () => 0,
    )
    if (age > partialLifeMs) await rm(file, { force: true })
  }
}

function unlessMissing(error: NodeJS.ErrnoException): undefined {
  if (error.code === 'ENOENT' || error.code === 'ENOTDIR' || error.code === 'EISDIR') return undefined
  throw error
}

/** A new file that nobody else may read, on the disk when it is closed. */
const fresh = { mode: 0o600, flush: true }

/** Bytes that may wait for the disk. They are written together, as they came: copies would be garbage, which takes longer. */
const waitingBytes = 1024 * 1024

/**
 * Frees what it has written. Buffers that wait for a collection count towards the heap's bound: an upload would have V8
 * mark the whole heap again and again.
 */
const freeing: typeof fs = {
  ...fs,
  write: ((file: number, chunk: Buffer, from: number, length: number, position: number, done: WriteDone) =>
    fs.write(file, chunk, from, length, position, (error, written) => {
      if (written === length) freeBuffer(chunk)
      done(error, written, chunk)
    })) as typeof fs.write,
  writev: ((file: number, chunks: Buffer[], position: number, done: WritevDone) =>
    fs.writev(file, chunks, position, (error, written) => {
      const length = chunks.reduce((sum, chunk) => sum + chunk.length, 0)
      // What is left of a part that was written will be tried again.
      if (written === length) chunks.forEach(freeBuffer)
      done(error, written, chunks)
    })) as typeof fs.writev,
}
type WriteDone = (error: Error | null, written: number, chunk: Buffer) => void
type WritevDone = (error: Error | null, written: number, chunks: Buffer[]) => void
