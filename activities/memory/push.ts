import { limits } from '../../protocol/limits.ts'
import { contentSha256 } from '../../protocol/memories.ts'
import { ancestorsOf } from '../../protocol/memory-path.ts'
import type { MemoryAuthor, MemoryRecords, MemoryRefusal } from '../../store/memory-records.ts'
import { breathe } from './breathe.ts'
import type { Content } from './held-folder.ts'
import type { Manifest, Problem } from './manifest.ts'
import { type Scan, stampOf } from './scan.ts'
import type { StoreFolder } from './store-folder.ts'
import { writeInTurn } from './write-in-turn.ts'

/** Memories in one transaction, and bytes of their contents beyond which no other is added: for some milliseconds. */
const mostAtOnce = 25
const mostBytesAtOnce = 256 * 1024

export interface Push {
  memories: MemoryRecords
  storeId: string
  folder: StoreFolder
  manifest: Manifest
  author: MemoryAuthor
  /** Whether what the store refused before is tried again: it has changed since. */
  again: boolean
}

export type Problems = [path: string, problem: Problem][]

/** What the agent has changed since the last comparison: paths of the scan. */
export function changedHere({ files, problems, complete }: Scan, manifest: Manifest, again: boolean) {
  const hidden = (path: string) =>
    !complete || problems.has(path) || ancestorsOf(path).some((above) => problems.has(above))
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
export async function pushDeletions(push: Push, paths: string[]): Promise<Problems> {
  const { memories, storeId, manifest, author } = push
  const problems: Problems = []
  for (let from = 0; from < paths.length; from += mostAtOnce) {
    const batch = paths.slice(from, from + mostAtOnce)
    const known = batch.map((path) => manifest.files.get(path)!)
    const expected = known.map(({ memoryId, versionId }) => ({ id: memoryId, versionId }))
    const results = await writeInTurn(() => memories.deleteMany(storeId, expected, author))
    for (const [index, result] of results.entries()) {
      const path = batch[index]!
      if (result.outcome === 'store_archived' || result.outcome === 'no_store') {
        problems.push([path, { reason: reasonOf(result) }])
        continue
      }
      // Changed by others: it comes back, as they left it.
      if (result.outcome === 'precondition_failed') delete manifest.changes
      manifest.files.delete(path)
    }
  }
  return problems
}

/**
 * Writes to the store what the agent has written, if it is a memory at all. The last writer wins. Every file is looked at
 * once: what changes behind that is for the next comparison, so that nobody has to wait for an agent that goes on writing.
 */
export async function pushFiles(push: Push, paths: string[], seen: Scan['files']): Promise<Problems> {
  const { memories, storeId, manifest, author } = push
  const problems: Problems = []
  let batch: Write[] = []
  let bytes = 0
  async function write(): Promise<void> {
    const results = await writeInTurn(() => memories.putMany(storeId, batch, author))
    for (const [index, result] of results.entries()) {
      const { path, sha256, stamp } = batch[index]!
      if (result.outcome === 'written') {
        const { memoryId, versionId } = result
        manifest.files.set(path, { memoryId, versionId, sha256, stamp })
      } else problems.push([path, { reason: reasonOf(result), stamp }])
    }
    batch = []
    bytes = 0
  }
  for (const path of paths) {
    const found = look(push, path, seen.get(path))
    if (found && 'reason' in found) problems.push([path, found])
    else if (found) {
      batch.push(found)
      bytes += found.size
    }
    if (batch.length === mostAtOnce || bytes >= mostBytesAtOnce) await write()
    else await breathe()
  }
  if (batch.length > 0) await write()
  return problems
}

interface Write {
  path: string
  content: string
  /** Names the write: who repeats it after a crash makes no second version. */
  origin: string
  sha256: string
  size: number
  stamp: string | undefined
}

/** What the store has to be told of a file; nothing when it has it, or when the file is gone. */
function look({ folder, manifest }: Push, path: string, seen: string | undefined): Write | Problem | undefined {
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
  return { path, content: text, origin, sha256, size: content.bytes.length, stamp }
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
