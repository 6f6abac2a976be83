import type { MemoryStoreResource } from '../../protocol/sessions.ts'
import type { Records } from '../../store/records.ts'
import { breathe } from './breathe.ts'
import { type Manifest, type Manifests, note, type Problem } from './manifest.ts'
import { pull } from './pull.ts'
import { changedHere, type Push, pushDeletions, pushFiles } from './push.ts'
import { StoreFolder } from './store-folder.ts'

export interface SyncTask {
  records: Pick<Records, 'memories' | 'memoryStores'>
  manifests: Manifests
  sessionId: string
  resource: MemoryStoreResource
  /** Of this session and store, made before. */
  directory: string
}

/**
 * Compares a session's folder with its store and makes both the same: first the agent's changes become versions, then
 * what others have changed comes here. May be repeated and killed at any point: no change is lost, none is made twice.
 * Leaves in the manifest what could not be saved. Nobody else may work on the directory at the time.
 */
export async function synchronise(task: SyncTask): Promise<Manifest> {
  const { records, manifests, resource, directory } = task
  const storeId = resource.memory_store_id
  const manifest = await manifests.load(directory)
  try {
    using folder = StoreFolder.open(directory)
    const changes = (await records.memoryStores.changes([storeId])).get(storeId)
    const save = () => manifests.save(directory, manifest)
    if (changes === undefined && !manifest.gone) await forgetStore(folder, manifest, save)
    const unseen = changes !== manifest.changes
    const canWrite = resource.access === 'read_write'
    const pushed = canWrite ? await push(task, folder, manifest, unseen) : unchanged
    if (manifest.gone) {
      if (pushed.changed) await save()
      return manifest
    }
    const newest = pushed.wrote ? (await records.memoryStores.changes([storeId])).get(storeId) : changes
    const stale = newest !== undefined && newest !== manifest.changes
    if (stale) {
      const all = await pull({ ...records, storeId, folder, manifest, isOwn: pushed.isOwn, save })
      if (all) manifest.changes = newest
      else delete manifest.changes
    }
    if (pushed.changed || stale) {
      manifest.incoming.clear()
      await save()
      await folder.tidy()
    }
    return manifest
  } catch (error) {
    manifests.forget(directory)
    throw error
  }
}

/** Whether the agent has changed something that the store does not have yet. Costs a look at each file, no reading. */
export async function hasChanges({ manifests, resource, directory }: Omit<SyncTask, 'records'>): Promise<boolean> {
  if (resource.access !== 'read_write') return false
  const manifest = await manifests.load(directory)
  using folder = StoreFolder.open(directory)
  const { deleted, written } = changedHere(await folder.scan(), manifest, false)
  return deleted.length > 0 || written.length > 0
}

interface Pushed {
  /** Whether the store has changed. */
  wrote: boolean
  /** Whether the manifest has. */
  changed: boolean
  isOwn: (path: string) => boolean
}

const unchanged: Pushed = { wrote: false, changed: false, isOwn: () => false }

async function push(task: SyncTask, folder: StoreFolder, manifest: Manifest, again: boolean): Promise<Pushed> {
  const { records, sessionId, resource } = task
  const author = { actor: { type: 'session_actor' as const, session_id: sessionId }, now: new Date().toISOString() }
  const storeId = resource.memory_store_id
  const to: Push = { memories: records.memories, storeId, folder, manifest, author, again }
  const seen = await folder.scan()
  const { deleted, written, hidden } = changedHere(seen, manifest, again)
  const before = manifest.problems
  const problems = new Map<string, Problem>()
  for (const [path, reason] of seen.problems) note(problems, before, path, { reason })
  // What was refused and has not changed since stays refused.
  const asked = new Set([...written, ...deleted])
  for (const [path, problem] of before) {
    const stays = (seen.files.has(path) || manifest.files.has(path)) && !asked.has(path) && !problems.has(path)
    if (stays || (path === '/' && manifest.gone)) problems.set(path, problem)
  }
  // Deletions first: they may make way.
  for (const [path, problem] of await pushDeletions(to, deleted)) note(problems, before, path, problem)
  for (const [path, problem] of await pushFiles(to, written, seen.files)) note(problems, before, path, problem)
  manifest.problems = problems
  return {
    wrote: asked.size > 0,
    changed: asked.size > 0 || !sameProblems(before, problems),
    isOwn: (path) => hidden(path) || problems.has(path),
  }
}

/** A store that was deleted leaves nothing behind: its memories go from the folder, what is written there is not saved. */
async function forgetStore(folder: StoreFolder, manifest: Manifest, save: () => Promise<void>): Promise<void> {
  for (const path of manifest.files.keys()) {
    folder.remove(path)
    await breathe()
  }
  manifest.files.clear()
  manifest.unshown.clear()
  delete manifest.changes
  manifest.gone = true
  manifest.problems.set('/', { reason: 'the memory store was deleted, and its memories with it' })
  await save()
}

function sameProblems(a: ReadonlyMap<string, Problem>, b: ReadonlyMap<string, Problem>): boolean {
  return a.size === b.size && [...a].every(([path, { reason }]) => b.get(path)?.reason === reason)
}
