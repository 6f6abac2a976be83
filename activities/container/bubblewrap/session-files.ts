import { execFile } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { statSync } from 'node:fs'
import { mkdir, open, readdir, rename } from 'node:fs/promises'
import path from 'node:path'
import type { Readable } from 'node:stream'
import { promisify } from 'node:util'
import { alone, aloneOrNot } from '../../alone.ts'
import { oneByOne } from '../../one-by-one.ts'
import { SessionFolder } from '../keeper/session-folder.ts'
import type { ContainerFiles, RestoredFiles } from '../provider.ts'
import { overTrees } from './over-trees.ts'

/** What is half restored is in a folder of such a name. */
const restoring = 'restoring_'
const trees = ['workspace', 'outputs', 'home']

/** A line an entry, parents first: type, inode, mode, links, size, blocks, times of content and of change, path. */
const find = ['find', ...trees, '-printf', '%y %i %m %n %s %b %T@ %C@ %p\\0']
const tar = ['tar', '--format=posix', '--sparse', '--numeric-owner']
/** What vanishes while tar reads is as good as gone before. */
const pack = [...tar, '--create', '--null', '--no-recursion', '--files-from=-', '--ignore-failed-read']
/** Permissions of folders come last: they may forbid to write there. */
const unpack = [...tar, '--extract', '--preserve-permissions', '--same-owner', '--delay-directory-restore']
const remove = ['xargs', '--null', '--no-run-if-empty', 'rm', '--recursive', '--force', '--']

/** Files of containers that bubblewrap runs, by the host's own find and tar. */
export class SessionFiles implements ContainerFiles {
  readonly #root: () => Promise<string>

  /** @param root the folder of the sessions' folders */
  constructor(root: () => Promise<string>) {
    this.#root = root
  }

  async notes(sessionId: string): Promise<string> {
    return notesOf(await this.#folder(sessionId))
  }

  async exist(sessionId: string): Promise<boolean> {
    return exists((await this.#folder(sessionId)).path)
  }

  async checkouts(sessionId: string): Promise<string[]> {
    const { checkouts } = await this.#folder(sessionId)
    return (await readdir(checkouts).catch(() => [])).sort()
  }

  async list(sessionId: string, signal?: AbortSignal): Promise<Readable> {
    const folder = await this.#folder(sessionId)
    return overTrees(folder, find, { signal })
  }

  async pack(sessionId: string, paths: Readable, signal?: AbortSignal): Promise<Readable> {
    const folder = await this.#folder(sessionId)
    return overTrees(folder, pack, { input: paths, signal })
  }

  async restore(sessionId: string, fill: (files: RestoredFiles) => Promise<void>): Promise<boolean> {
    const root = await this.#root()
    await mkdir(root, { recursive: true, mode: 0o711 })
    const name = `${restoring}${sessionId}_${randomBytes(6).toString('hex')}`
    const folder = new SessionFolder(root, name)
    return alone(folder.path, async () => {
      try {
        await folder.prepare()
        await mkdir(notesOf(folder), { mode: 0o700 })
        await fill(restored(folder))
        // A folder that is there after a power cut has to be whole.
        await promisify(execFile)('sync', ['--file-system', folder.path])
        await rename(folder.path, (await this.#folder(sessionId)).path)
        return true
      } catch (error) {
        const { code } = error as NodeJS.ErrnoException
        if (code === 'ENOTEMPTY' || code === 'EEXIST') return false
        throw error
      } finally {
        await folder.remove()
      }
    })
  }

  async collect(): Promise<void> {
    const root = await this.#root()
    const names = await readdir(root).catch(() => [])
    const halves = names.filter((name) => name.startsWith(restoring))
    await oneByOne(halves, async (name) => {
      const folder = new SessionFolder(root, name)
      await aloneOrNot(folder.path, () => folder.remove())
    })
  }

  async #folder(sessionId: string): Promise<SessionFolder> {
    return new SessionFolder(await this.#root(), sessionId)
  }
}

const notesOf = (folder: SessionFolder) => path.join(folder.path, 'notes')

function restored(folder: SessionFolder): RestoredFiles {
  const done = async (output: Readable) => {
    for await (const _ of output);
  }
  return {
    notes: notesOf(folder),
    list: async () => overTrees(folder, find),
    unpack: async (archive) => done(await overTrees(folder, unpack, { input: archive, isWritable: true })),
    remove: async (paths) => done(await overTrees(folder, remove, { input: paths, isWritable: true })),
    async checkOut(ids) {
      if (ids.length > 0) await mkdir(folder.checkouts, { mode: 0o700 })
      for (const id of ids) await (await open(path.join(folder.checkouts, id), 'w')).close()
    },
  }
}

/** Asked with each call: at once. */
const exists = (file: string) => statSync(file, { throwIfNoEntry: false }) !== undefined
