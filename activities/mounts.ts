import { createHash } from 'node:crypto'
import { createWriteStream } from 'node:fs'
import { access, link, lstat, mkdir, readdir, rename, rm, rmdir, writeFile } from 'node:fs/promises'
import path from 'node:path'
import { pipeline } from 'node:stream/promises'
import type { FileResource } from '../protocol/sessions.ts'
import type { Blobs } from '../store/blobs.ts'
import type { Records, SessionRecord } from '../store/records.ts'
import type { Mount } from './container/provider.ts'

/** Where mounted files also appear, whatever their mount path: newer clients expect them there. Source: spec §12.1. */
export const uploads = '/mnt/session/uploads'

/**
 * Brings a session's files to this host, so that its container can mount them. What lies below `uploads` is one folder,
 * mounted as such: files that are added or taken away while the container runs appear and vanish in it at once. Files
 * at other places are mounts of their own, which come with the container's next start.
 */
export class Mounts {
  readonly #directory: string
  readonly #records: Records
  readonly #blobs: Blobs
  /** The files that were brought in last, by session: nothing is looked at again while they stay the same. */
  readonly #brought = new Map<string, string>()
  /** The last of each session's changes to its folder. */
  readonly #changes = new Map<string, Promise<unknown>>()

  /** @param directory where the copies lie, outside of what any container can write */
  constructor(directory: string, stores: { records: Records; blobs: Blobs }) {
    this.#directory = directory
    this.#records = stores.records
    this.#blobs = stores.blobs
  }

  async of(session: SessionRecord): Promise<Mount[]> {
    const tree = path.join(this.#directory, session.id, 'tree')
    await this.#inTurn(session.id, () => this.#bring(session, tree))
    const elsewhere = filesOf(session).filter(({ mount_path }) => !mount_path.startsWith(`${uploads}/`))
    return [
      { target: uploads, source: tree, mode: 'ro' },
      ...elsewhere.map(({ file_id, mount_path }): Mount => {
        return { target: mount_path, source: this.#copy(session.id, file_id), mode: 'ro' }
      }),
    ]
  }

  /** A file of our own making for a session's container; written once for each text. */
  async made(sessionId: string, name: string, target: string, text: string): Promise<Mount> {
    const folder = path.join(this.#directory, sessionId)
    const hash = createHash('sha256').update(text).digest('hex').slice(0, 16)
    const source = path.join(folder, `${name}.${hash}`)
    if (!(await exists(source))) {
      await mkdir(folder, { recursive: true })
      const partial = `${source}.${process.pid}.${crypto.randomUUID()}`
      await writeFile(partial, text, { mode: 0o644 })
      await rename(partial, source)
    }
    return { target, source, mode: 'ro' }
  }

  /** Sessions that have copies here. */
  async sessions(): Promise<string[]> {
    const folders = await readdir(this.#directory).catch(() => [])
    return folders.filter((name) => name.startsWith('sesn_'))
  }

  /** Removes the copies of a session. */
  async remove(sessionId: string): Promise<void> {
    this.#brought.delete(sessionId)
    await rm(path.join(this.#directory, sessionId), { recursive: true, force: true })
  }

  /** Tool calls side by side would take each other's files away. */
  async #inTurn(sessionId: string, work: () => Promise<void>): Promise<void> {
    const before = this.#changes.get(sessionId)
    const change = (before ?? Promise.resolve()).catch(() => {}).then(work)
    this.#changes.set(sessionId, change)
    try {
      await change
    } finally {
      if (this.#changes.get(sessionId) === change) this.#changes.delete(sessionId)
    }
  }

  /** Makes the session's folder hold its files: links to the copies, at the places where they appear. */
  async #bring(given: SessionRecord, tree: string): Promise<void> {
    if (this.#brought.get(given.id) === wantedOf(given)) return
    // What was read before the turn came may be old news.
    const session = (await this.#records.sessions.get(given.id)) ?? given
    const files = filesOf(session)
    await mkdir(tree, { recursive: true, mode: 0o755 })
    const wanted = new Map(files.map((file) => [placeOf(file), file.file_id]))
    for (const place of await placesIn(tree)) if (!wanted.has(place)) await removePlace(tree, place)
    for (const [place, fileId] of wanted) {
      const copy = await this.#fetch(session.id, fileId)
      const target = path.join(tree, place)
      if (await isSame(copy, target)) continue
      await mkdir(path.dirname(target), { recursive: true, mode: 0o755 })
      const partial = `${copy}.${process.pid}.${crypto.randomUUID()}`
      await link(copy, partial)
      await rename(partial, target)
    }
    for (const name of await readdir(this.#copy(session.id, '')).catch(() => [])) {
      if (!files.some(({ file_id }) => name.startsWith(file_id))) await rm(this.#copy(session.id, name))
    }
    this.#brought.set(session.id, wantedOf(session))
  }

  #copy(sessionId: string, name: string): string {
    return path.join(this.#directory, sessionId, 'files', name)
  }

  async #fetch(sessionId: string, fileId: string): Promise<string> {
    const target = this.#copy(sessionId, fileId)
    if (await exists(target)) return target
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

const filesOf = ({ resources }: SessionRecord): FileResource[] =>
  resources.filter(({ type }) => type === 'file') as FileResource[]

const wantedOf = (session: SessionRecord) =>
  JSON.stringify(filesOf(session).map((file) => [file.file_id, file.mount_path]))

/** A file's place below `uploads`. */
const placeOf = ({ mount_path }: FileResource) =>
  mount_path.startsWith(`${uploads}/`) ? mount_path.slice(uploads.length + 1) : mount_path.slice(1)

const exists = (file: string) =>
  access(file).then(
    () => true,
    () => false,
  )

async function isSame(copy: string, target: string): Promise<boolean> {
  const [one, other] = await Promise.all([lstat(copy), lstat(target).catch(() => undefined)])
  return one.ino === other?.ino
}

async function placesIn(tree: string): Promise<string[]> {
  const entries = await readdir(tree, { recursive: true, withFileTypes: true })
  return entries
    .filter((entry) => !entry.isDirectory())
    .map((entry) => path.relative(tree, path.join(entry.parentPath, entry.name)))
}

/** Removes a file and the folders that are empty without it. */
async function removePlace(tree: string, place: string): Promise<void> {
  await rm(path.join(tree, place), { force: true })
  for (let folder = path.dirname(place); folder !== '.'; folder = path.dirname(folder)) {
    if (
      !(await rmdir(path.join(tree, folder)).then(
        () => true,
        () => false,
      ))
    )
      return
  }
}
