import type { MemoryHead, MemoryRecords } from '../../store/memory-records.ts'
import { type Base, type Manifest, note, type Problem } from './manifest.ts'
import type { StoreFolder } from './store-folder.ts'

/** Contents that are in this process's memory at a time. */
const atOnce = 50
/** Bytes of a file's name. */
const longestName = 255

export interface Pull {
  memories: MemoryRecords
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
  const { write, remove, adopt } = differenceOf(manifest.files, await memories.heads(storeId))
  const unshown = new Map<string, Problem>()
  let all = true
  const isFree = (path: string) => {
    const free = !isOwn(path) && folder.isAs(path, manifest.files.get(path))
    all &&= free
    return free
  }

  for (const { path, id, versionId } of adopt) {
    manifest.files.set(path, { ...manifest.files.get(path)!, memoryId: id, versionId })
  }
  for (const path of remove.filter(isFree)) {
    folder.remove(path)
    manifest.files.delete(path)
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
      else if (isFree(path)) {
        if (await folder.write(path, content)) {
          manifest.files.set(path, { memoryId: id, versionId: memory_version_id, sha256: content_sha256 })
        } else {
          note(unshown, manifest.unshown, path, { reason: 'not shown: something else is in its place' })
          all = false
        }
      }
    }
  }
  manifest.unshown = unshown
  manifest.incoming.clear()
  return all
}

const canBeFile = (path: string) => path.split('/').every((name) => Buffer.byteLength(name) <= longestName)
