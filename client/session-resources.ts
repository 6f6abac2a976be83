import { invalidRequest, notSupported } from '../protocol/errors.ts'
import { newId } from '../protocol/ids.ts'
import { limits } from '../protocol/limits.ts'
import { mountTargetProblem } from '../protocol/mount-path.ts'
import type { FileResource, MemoryStoreResource, ResourceParams } from '../protocol/sessions.ts'
import type { FileRecord, Records } from '../store/records.ts'
import { attachMemoryStores } from './memory-resources.ts'

/** Where a file without a mount path lies. Source: spec §12.1. */
const defaultPath = (fileId: string) => `/mnt/session/uploads/${fileId}`

export interface PreparedResources {
  resources: (FileResource | MemoryStoreResource)[]
  /** The session's own copies: same content, another id, gone with the session. Source: spec §12.2. */
  copies: FileRecord[]
}

/**
 * Checks the resources of a session and prepares its copies of the files. Nothing is stored.
 * @throws ApiError 400 that names the entry
 */
export async function prepareResources(
  records: Records,
  sessionId: string,
  params: ResourceParams[],
  now: string,
): Promise<PreparedResources> {
  const files: { index: number; file: Extract<ResourceParams, { type: 'file' }> }[] = []
  for (const [index, resource] of params.entries()) {
    if (resource.type === 'github_repository') throw notSupported(`resources.${index}: type "${resource.type}"`)
    if (resource.type === 'file') files.push({ index, file: resource })
  }
  if (files.length > limits.filesPerSession) {
    throw invalidRequest(`resources: at most ${limits.filesPerSession} files per session`)
  }
  const stores = await attachMemoryStores(records, params)
  const prepared: { resources: FileResource[]; copies: FileRecord[] } = { resources: [], copies: [] }
  const known = new Map(
    (await records.files.getMany(files.map(({ file }) => file.file_id))).map((file) => [file.metadata.id, file]),
  )
  const taken = new Set(stores.map((store) => store.mount_path))
  for (const {
    index,
    file: { file_id, mount_path },
  } of files) {
    const where = `resources.${index}`
    const file = known.get(file_id)
    if (!file) throw invalidRequest(`${where}.file_id: file ${file_id} was not found`)
    const path = mount_path ?? defaultPath(file_id)
    const problem = mountTargetProblem(path)
    if (problem) throw invalidRequest(`${where}.mount_path: ${problem}`)
    const clash = [...taken].find(
      (other) => other === path || other.startsWith(`${path}/`) || path.startsWith(`${other}/`),
    )
    if (clash) throw invalidRequest(`${where}.mount_path: ${path} collides with ${clash}`)
    taken.add(path)
    const copyId = newId('file')
    prepared.copies.push({
      blob: file.blob,
      metadata: { ...file.metadata, id: copyId, created_at: now, scope: { type: 'session', id: sessionId } },
    })
    prepared.resources.push({
      id: newId('resource'),
      type: 'file',
      file_id: copyId,
      mount_path: path,
      created_at: now,
      updated_at: now,
    })
  }
  // As they were given.
  const [ofFiles, ofStores] = [prepared.resources.values(), stores.values()]
  const resources = params.map(({ type }) => (type === 'file' ? ofFiles : ofStores).next().value!)
  return { ...prepared, resources }
}
