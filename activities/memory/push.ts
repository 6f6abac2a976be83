import { limits } from '../../protocol/limits.ts'
import { contentSha256 } from '../../protocol/memories.ts'
import type { MemoryAuthor, MemoryRecords, MemoryRefusal } from '../../store/memory-records.ts'
import type { Content } from './held-folder.ts'
import type { Manifest, Problem } from './manifest.ts'
import { type Scan, stampOf } from './scan.ts'
import type { StoreFolder } from './store-folder.ts'

export interface Push {
  memories: MemoryRecords
  storeId: string
  folder: StoreFolder
  manifest: Manifest
  author: MemoryAuthor
  /** Whether what the store refused before is tried again: it has changed since. */
  again: boolean
}

/** What the agent has changed since the last comparison: paths of the scan. */
export function changedHere({ files, problems, complete }: Scan, manifest: Manifest, again: boolean) {
  const hidden = (path: string) =>
    !complete || problems.has(path) || [...problems.keys()].some((above) => path.startsWith(`${above}/`))
  const deleted = [...manifest.files.keys()].filter(
    (path) => !files.has(path) && !hidden(path) && (again || !manifest.problems.has(path)),
  )
  const written = [...files].filter(([path, stamp]) => {
    const known = manifest.problems.get(path)
    if (stamp !== undefined && known?.stamp === stamp && !again) return false
    return stamp === undefined || manifest.files.get(path)?.stamp !== stamp
  })
  return { deleted, written: written.map(([path]) => path), hidden }
}

/** Removes from the store what the agent has deleted: as the agent saw it, not what others have made of it since. */
export async function pushDeletion(push: Push, path: string): Promise<Problem | undefined> {
  const { memories, storeId, manifest, author } = push
  const base = manifest.files.get(path)!
  const result = await memories.delete(storeId, base.memoryId, { versionId: base.versionId, storeLive: true }, author)
  if (result.outcome === 'store_archived' || result.outcome === 'no_store') return { reason: reasonOf(result) }
  // Changed by others: it comes back, as they left it.
  if (result.outcome === 'precondition_failed') delete manifest.changes
  manifest.files.delete(path)
  return undefined
}

/** Writes to the store what the agent has written, if it is a memory at all. The last writer wins. */
export async function pushFile(push: Push, path: string, seen: string | undefined): Promise<Problem | undefined> {
  const { memories, storeId, folder, manifest, author } = push
  const content = folder.read(path)
  if (content === 'missing') return undefined
  if (typeof content !== 'object') return { reason: unreadable[content], stamp: seen }
  const stamp = stampOf(content.stat)
  const sha256 = contentSha256(content.bytes)
  const incoming = manifest.incoming.get(path)
  const base = incoming?.sha256 === sha256 ? incoming : manifest.files.get(path)
  if (base?.sha256 === sha256) {
    manifest.files.set(path, { ...base, stamp })
    return undefined
  }
  const text = textOf(content)
  if (text === undefined) return { reason: 'not saved: it is not UTF-8 text', stamp }
  const origin = contentSha256([manifest.id, manifest.generation, path, sha256].join('\n'))
  const result = await memories.put(storeId, { path, content: text, origin }, author)
  if (result.outcome !== 'written') return { reason: reasonOf(result), stamp }
  const { memoryId, versionId } = result
  manifest.files.set(path, { memoryId, versionId, sha256, stamp })
  return undefined
}

const unreadable: Record<Extract<Content, string>, string> = {
  missing: 'not saved: it is not there any more',
  'no file': 'not saved: it is no regular file',
  'too large': `not saved: it is larger than ${limits.memoryBytes} bytes`,
  unreadable: 'not saved: it cannot be read',
}

export function reasonOf(refusal: MemoryRefusal): string {
  switch (refusal.outcome) {
    case 'no_store':
      return 'not saved: the memory store was deleted'
    case 'store_archived':
      return 'not saved: the memory store was archived and takes no changes'
    case 'store_full':
      return `not saved: the memory store is full, it holds ${limits.memoriesPerStore} memories`
    case 'path_conflict':
      return `not saved: the store has a memory at ${refusal.path}, and none can lie above another`
    case 'no_memory':
    case 'precondition_failed':
      return 'not saved: it was changed by others'
  }
}

const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })

function textOf({ bytes }: Extract<Content, object>): string | undefined {
  if (bytes.includes(0)) return undefined
  try {
    return utf8.decode(bytes)
  } catch {
    return undefined
  }
}
