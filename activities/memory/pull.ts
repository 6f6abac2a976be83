import type { MemoryHead, MemoryRecords, MemoryStoreRecords } from '../../store/memory-records.ts'
import { breathe, letOthersGo } from './breathe.ts'
import { type Base, type Manifest, note, type Problem } from './manifest.ts'
import type { StoreFolder } from './store-folder.ts'

/** Memories that one question to the store reads: with their contents, and without. */
const atOnce = 10
const headsAtOnce = 100
/** How often the list of a store is read that others change meanwhile. */
const mostReadings = 3
/** Bytes of a file's name. */
const longestName = 255

export interface Pull {
  memories: MemoryRecords
  memoryStores: Pick<MemoryStoreRecords, 'changes'>
  storeId: string
  folder: StoreFolder
  manifest: Manifest
  /** Whether the agent has something of its own there: it is left alone. */
  isOwn: (path: string) => boolean
  /** Saves the manifest. */
  save: () => Promise<void>
}

export interface Difference {
  write: MemoryHead[]
  remove: string[]
  /** The same content under a newer version. */
  adopt: MemoryHead[]
}

/** What the folder lacks of the store. */
export function differenceOf(files: ReadonlyMap<string, Base>, heads: MemoryHead[]): Difference {
  const paths = new Set(heads.map(({ path }) => path))
  const changed = heads.filter(({ path, versionId }) => files.get(path)?.versionId !== versionId)
  const isSame = ({ path, sha256 }: MemoryHead) => files.get(path)?.sha256 === sha256
  return {
    write: changed.filter((head) => !isSame(head)),
    remove: [...files.keys()].filter((path) => !paths.has(path)),
    adopt: changed.filter(isSame),
  }
}

/**
 * Brings the folder to the store's newest state. What the agent has changed meanwhile is not touched.
 * @returns false when something has to be tried again
 */
export async function pull(task: Pull): Promise<boolean> {
  const { memories, storeId, folder, manifest, isOwn, save } = task
  const { heads, whole } = await readHeads(task)
  const { write, remove, adopt } = differenceOf(manifest.files, heads)
  const unshown = new Map<string, Problem>()
  let all = whole
  const isFree = (path: string) => {
    const free = !isOwn(path) && folder.isAs(path, manifest.files.get(path))
    all &&= free
    return free
  }

  for (const { path, id, versionId } of adopt) {
    manifest.files.set(path, { ...manifest.files.get(path)!, memoryId: id, versionId })
  }
  for (const path of whole ? remove : []) {
    if (isFree(path)) {
      folder.remove(path)
      manifest.files.delete(path)
    }
    await breathe()
  }
  // Written down first: what a killed process has brought here must not pass for the agent's own.
  for (const { path, id, versionId, sha256 } of write) manifest.incoming.set(path, { memoryId: id, versionId, sha256 })
  if (write.length > 0) await save()
  for (let from = 0; from < write.length; from += atOnce) {
    const ids = write.slice(from, from + atOnce).map(({ id }) => id)
    const expected = new Map(write.slice(from, from + atOnce).map((head) => [head.id, head]))
    for (const { id, path, content, content_sha256, memory_version_id } of await memories.getMany(storeId, ids)) {
      // It has changed again: the next time brings it.
      if (expected.get(id)?.versionId !== memory_version_id) all = false
      else if (!canBeFile(path)) note(unshown, manifest.unshown, path, { reason: 'not shown: its name is too long' })
      else {
        const made = await folder.write(path, content, () => isFree(path))
        if (made === 'written') {
          manifest.files.set(path, { memoryId: id, versionId: memory_version_id, sha256: content_sha256 })
        } else if (made === 'in the way') {
          note(unshown, manifest.unshown, path, { reason: 'not shown: something else is in its place' })
          all = false
        }
      }
      await breathe()
    }
  }
  manifest.unshown = unshown
  manifest.incoming.clear()
  return all
}

/**
 * The store's memories, read in parts. They are `whole` unless others have changed the store at every reading: then one
 * that was moved meanwhile may be missing.
 */
async function readHeads({ memories, memoryStores, storeId }: Pull): Promise<{ heads: MemoryHead[]; whole: boolean }> {
  const changes = async () => (await memoryStores.changes([storeId])).get(storeId)
  for (let reading = 1; ; reading++) {
    const before = await changes()
    const heads: MemoryHead[] = []
    let more = true
    while (more) {
      const part = await memories.heads(storeId, { after: heads.at(-1)?.path, limit: headsAtOnce })
      heads.push(...part)
      more = part.length === headsAtOnce
      if (more) await letOthersGo()
    }
    const whole = heads.length < headsAtOnce || (await changes()) === before
    if (whole || reading === mostReadings) return { heads, whole }
  }
}

const canBeFile = (path: string) => path.split('/').every((name) => Buffer.byteLength(name) <= longestName)
