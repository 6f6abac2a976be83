import { mkdir, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import path from 'node:path'
import { onTestFinished } from 'vitest'
import { SessionMemory } from '../../activities/memory/session-memory.ts'
import { newId } from '../../protocol/ids.ts'
import { createMemoryStore } from '../../protocol/memory-stores.ts'
import type { MemoryStoreResource } from '../../protocol/sessions.ts'
import { openRecords } from '../../store/open-records.ts'
import type { Records, SessionRecord } from '../../store/records.ts'
import { aConfiguration, aSession } from '../store/samples.ts'
import { temporaryFolder } from '../support/temporary-folder.ts'

const author = { actor: null, now: new Date(0).toISOString() }

/** Records and a store in them, as the API would have made it. */
export async function aStore(contents: Record<string, string> = {}) {
  const directory = await temporaryFolder()
  const url = path.join(directory, 'records.db')
  const records = await openRecords({ url })
  onTestFinished(() => records.close())
  const store = createMemoryStore({ name: 'Notes' }, author.now)
  await records.memoryStores.insert(store)
  for (const [at, content] of Object.entries(contents)) {
    await records.memories.create(store.id, { path: at, content }, author)
  }
  return {
    records,
    url,
    directory: path.join(directory, 'memory'),
    id: store.id,
    /** What the API does. */
    async write(at: string, content: string) {
      await records.memories.putMany(store.id, [{ path: at, content, origin: crypto.randomUUID() }], author)
    },
    async remove(at: string) {
      const head = (await records.memories.heads(store.id)).find((other) => other.path === at)
      if (head) await records.memories.delete(store.id, head.id, {}, author)
    },
    async contents() {
      const heads = await records.memories.heads(store.id)
      const memories = await records.memories.getMany(
        store.id,
        heads.map(({ id }) => id),
      )
      return Object.fromEntries(memories.map((memory) => [memory.path, memory.content]).toSorted())
    },
    /** Every version, the oldest first. */
    async versions() {
      const query = { limit: 1_000_000, withContent: true }
      const { rows } = await records.memoryVersions.list(store.id, query)
      return rows.map(({ version }) => version).reverse()
    },
  }
}

export type Store = Awaited<ReturnType<typeof aStore>>

/** A session that has the store attached: its agent's hands, and what the worker does before and after a call. */
export async function aSessionOf(
  store: Store,
  { access = 'read_write', records = store.records }: { access?: 'read_write' | 'read_only'; records?: Records } = {},
) {
  const resource: MemoryStoreResource = {
    ...{ type: 'memory_store', memory_store_id: store.id, access, instructions: null },
    ...{ name: 'Notes', description: '', mount_path: '/mnt/memory/notes' },
  }
  const session = aSession({ id: newId('session'), resources: [resource] })
  await store.records.sessions.insert(session, aConfiguration)
  return hands(store, session, records)
}

/** The same session in another process: nothing is known but what lies in files. */
export function hands(
  store: Store,
  session: SessionRecord,
  records: Pick<Records, 'memories' | 'memoryStores' | 'sessions'>,
) {
  const faults: unknown[] = []
  const memory = new SessionMemory({ directory: store.directory, records, onFault: (error) => faults.push(error) })
  const folder = path.join(store.directory, session.id, store.id, 'files')
  return {
    session,
    memory,
    folder,
    faults,
    prepare: () => memory.prepare(session),
    save: () => memory.save(session),
    async write(at: string, content: string | Uint8Array) {
      await mkdir(path.dirname(folder + at), { recursive: true })
      await writeFile(folder + at, content)
    },
    remove: (at: string) => rm(folder + at, { recursive: true, force: true }),
    async contents(): Promise<Record<string, string>> {
      const entries = await readdir(folder, { recursive: true, withFileTypes: true })
      const files = entries.filter((entry) => entry.isFile()).map((entry) => path.join(entry.parentPath, entry.name))
      const contents = await Promise.all(
        files.map(async (file) => [file.slice(folder.length), await readFile(file, 'utf8')]),
      )
      return Object.fromEntries(contents.toSorted())
    },
  }
}

/**
 * Records whose n-th write of a memory is carried out and then answered by a fault, as when the process is killed. What
 * would come in the same transaction is not written: where one ends depends on how long the contents are.
 */
export function failingAfter(records: Records, writes: number): Records {
  let left = writes
  const memories = new Proxy(records.memories, {
    get(target, name) {
      const method = Reflect.get(target, name) as (...input: unknown[]) => Promise<unknown>
      if (name !== 'putMany' && name !== 'deleteMany') return method
      return async (storeId: string, batch: unknown[], ...rest: unknown[]) => {
        const isLast = left > 0 && left <= batch.length
        const result = await method.apply(target, [storeId, isLast ? batch.slice(0, left) : batch, ...rest])
        left -= batch.length
        if (isLast) throw new Error('killed')
        return result
      }
    },
  })
  return { ...records, memories }
}
