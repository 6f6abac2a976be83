import { invalidRequest, notSupported } from '../protocol/errors.ts'
import { newId } from '../protocol/ids.ts'
import { limits } from '../protocol/limits.ts'
import { mountTargetProblem } from '../protocol/mount-path.ts'
import type { FileResource, ResourceParams } from '../protocol/sessions.ts'
import type { FileRecord, Records } from '../store/records.ts'
import { hasExpired } from './expired-files.ts'

/** Where a file without a mount path lies. Source: spec §12.1. */
const defaultPath = (fileId: string) => `/mnt/session/uploads/${fileId}`

export interface PreparedResources {
  resources: FileResource[]
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
  if (params.length > limits.filesPerSession) {
    throw invalidRequest(`resources: at most ${limits.filesPerSession} files per session`)
  }
  const prepared: PreparedResources = { resources: [], copies: [] }
  const files = params.map((resource, index) => {
    if (resource.type !== 'file') throw notSupported(`resources.${index}: type "${resource.type}"`)
    return resource
  })
  const known = new Map(
    (await records.files.getMany(files.map((file) => file.file_id))).map((file) => [file.metadata.id, file]),
  )
  const taken = new Set<string>()
  for (const [index, { file_id, mount_path }] of files.entries()) {
    const where = `resources.${index}`
    const file = known.get(file_id)
    if (!file) throw invalidRequest(`${where}.file_id: file ${file_id} was not found`)
    if (hasExpired(file.metadata)) {
      throw invalidRequest(`${where}.file_id: file ${file_id} has expired`, { code: 'file_expired' })
    }
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
      metadata: {
        ...file.metadata,
        id: copyId,
        created_at: now,
        expires_at: null,
        scope: { type: 'session', id: sessionId },
      },
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
  return prepared
}
