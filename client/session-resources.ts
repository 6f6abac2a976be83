import { invalidRequest } from '../protocol/errors.ts'
import { newId } from '../protocol/ids.ts'
import { limits } from '../protocol/limits.ts'
import type { FileResource, FileResourceParams, ResourceParams, SessionResource } from '../protocol/sessions.ts'
import type { FileCopy, FileRecord, SessionSecrets } from '../store/records.ts'
import { hasExpired } from './expired-files.ts'
import { attachMemoryStores } from './memory-resources.ts'
import { MountPlaces } from './mount-places.ts'
import { prepareRepository } from './repositories.ts'
import type { Runtime } from './runtime.ts'

/** Where a file without a mount path lies. Source: spec §12.1. */
const defaultPath = (fileId: string) => `/mnt/session/uploads/${fileId}`

export interface PreparedResources {
  resources: SessionResource[]
  /** The session's own copies: same content, another id, gone with the session. Source: spec §12.2. */
  copies: FileCopy[]
  /** Sealed tokens of the repositories. */
  secrets: SessionSecrets
}

/**
 * Checks the resources of a session and prepares its copies of the files. Nothing is stored.
 * @throws ApiError 400 that names the entry
 */
export async function prepareResources(
  { records, secrets, allowPrivate }: Pick<Runtime, 'records' | 'secrets' | 'allowPrivate'>,
  sessionId: string,
  params: ResourceParams[],
  now: string,
): Promise<PreparedResources> {
  checkNumber(params)
  const ids = params.flatMap((resource) => (resource.type === 'file' ? [resource.file_id] : []))
  const known = new Map((await records.files.getMany(ids)).map((file) => [file.metadata.id, file]))
  const stores = await attachMemoryStores(records, params)
  const places = new MountPlaces(stores)
  const nextStore = stores.values()
  const prepared: PreparedResources = { resources: [], copies: [], secrets: {} }
  for (const [index, resource] of params.entries()) {
    const where = `resources.${index}`
    if (resource.type === 'file') {
      const { copy, attached } = prepareFile(known.get(resource.file_id), resource, { sessionId, now, where })
      places.take(attached, `${where}.mount_path`)
      prepared.copies.push({ copy, of: resource.file_id })
      prepared.resources.push(attached)
    } else if (resource.type === 'memory_store') {
      prepared.resources.push(nextStore.next().value!)
    } else {
      const attached = prepareRepository(resource, { now, where, allowPrivate })
      places.take(attached, `${where}.mount_path`)
      prepared.resources.push(attached)
      if (resource.authorization_token) prepared.secrets[attached.id] = secrets.seal(resource.authorization_token)
    }
  }
  return prepared
}

/** @throws ApiError 400 when a session would have more of a kind than it may */
export function checkNumber(resources: { type: string }[]): void {
  const most = { file: limits.filesPerSession, github_repository: limits.repositoriesPerSession }
  for (const [kind, limit] of Object.entries(most)) {
    if (resources.filter(({ type }) => type === kind).length <= limit) continue
    const what = kind === 'file' ? 'files' : 'repositories'
    throw invalidRequest(`resources: at most ${limit} ${what} per session`)
  }
}

export const fileNotFound = (field: string, id: string) =>
  invalidRequest(`${field}: file ${id} was not found`, { code: 'file_not_found' })

/**
 * A file as a session's resource, and the copy that it stands for.
 * @throws ApiError 400 when there is no such file
 */
export function prepareFile(
  file: FileRecord | undefined,
  { file_id, mount_path }: FileResourceParams,
  { sessionId, now, where }: { sessionId: string; now: string; where?: string },
): { copy: FileRecord; attached: FileResource } {
  const field = `${where ? `${where}.` : ''}file_id`
  if (!file) throw fileNotFound(field, file_id)
  if (hasExpired(file.metadata)) throw invalidRequest(`${field}: file ${file_id} has expired`, { code: 'file_expired' })
  const copyId = newId('file')
  const scope = { type: 'session' as const, id: sessionId }
  return {
    copy: { blob: file.blob, metadata: { ...file.metadata, id: copyId, created_at: now, expires_at: null, scope } },
    attached: {
      id: newId('resource'),
      type: 'file',
      file_id: copyId,
      mount_path: mount_path ?? defaultPath(file_id),
      created_at: now,
      updated_at: now,
    },
  }
}
