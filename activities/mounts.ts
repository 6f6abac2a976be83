import { createWriteStream } from 'node:fs'
import { access, mkdir, rename, rm } from 'node:fs/promises'
import path from 'node:path'
import { pipeline } from 'node:stream/promises'
import type { Blobs } from '../store/blobs.ts'
import type { Records, SessionRecord } from '../store/records.ts'
import type { Mount } from './container/provider.ts'

/** Where mounted files also appear, whatever their mount path: newer clients expect them there. Source: spec §12.1. */
export const uploads = '/mnt/session/uploads'

/** Brings a session's files to this host, so that its container can mount them. */
export class Mounts {
  readonly #directory: string
  readonly #records: Records
  readonly #blobs: Blobs

  /** @param directory where the copies lie, outside of what any container can write */
  constructor(directory: string, stores: { records: Records; blobs: Blobs }) {
    this.#directory = directory
    this.#records = stores.records
    this.#blobs = stores.blobs
  }

  async of(session: SessionRecord): Promise<Mount[]> {
    const files = session.resources.filter((resource) => resource.type === 'file')
    const mounts = await Promise.all(
      files.map(async ({ file_id, mount_path }): Promise<Mount[]> => {
        const source = await this.#fetch(session.id, file_id)
        const targets = new Set([mount_path, mount_path.startsWith(`${uploads}/`) ? mount_path : uploads + mount_path])
        return [...targets].map((target) => ({ target, source, mode: 'ro' }))
      }),
    )
    return mounts.flat()
  }

  /** Removes the copies of a session. */
  async remove(sessionId: string): Promise<void> {
    await rm(path.join(this.#directory, sessionId), { recursive: true, force: true })
  }

  async #fetch(sessionId: string, fileId: string): Promise<string> {
    const target = path.join(this.#directory, sessionId, fileId)
    if (
      await access(target).then(
        () => true,
        () => false,
      )
    )
      return target
    const file = await this.#records.files.get(fileId)
    const content = file && (await this.#blobs.getStream(file.blob))
    if (!content) throw new Error(`file ${fileId} has no content`)
    // Users of containers read here by name; nobody finds out what there is.
    await mkdir(path.dirname(target), { recursive: true, mode: 0o711 })
    const partial = `${target}.${process.pid}.${crypto.randomUUID()}`
    await pipeline(content, createWriteStream(partial, { mode: 0o644 }))
    await rename(partial, target)
    return target
  }
}
