import { z } from 'zod'
import { invalidRequest, notFound } from '../protocol/errors.ts'
import { decodePage, encodePage } from '../protocol/pagination.ts'
import { parse } from '../protocol/parse.ts'
import {
  type FileResource,
  fileResourceParams,
  type RepositoryResource,
  resourceListParams,
  resourceUpdateParams,
  type SessionResource,
} from '../protocol/sessions.ts'
import type { SessionRecord } from '../store/records.ts'
import { mayBeDone } from '../store/records-unavailable.ts'
import type { SessionResourcesApi } from './api.ts'
import { forgetFile } from './forget-file.ts'
import { MountPlaces } from './mount-places.ts'
import type { Runtime } from './runtime.ts'
import { checkNumber, fileNotFound, prepareFile } from './session-resources.ts'

/**
 * A session's resources. Files come and go, also while the session runs; repositories stay for its life, only their
 * tokens change. No event tells of it. Source: spec §12.3.
 */
export function createResourcesApi(
  runtime: Runtime,
  record: (sessionId: string) => Promise<SessionRecord>,
): SessionResourcesApi {
  const { records } = runtime

  /** Changes the resources as they are at that moment, whoever else changes them. */
  async function change(
    sessionId: string,
    now: string,
    work: (row: SessionRecord) => SessionResource[],
    secrets?: Record<string, string>,
  ): Promise<void> {
    const changed = await records.sessions.update(
      sessionId,
      (row) => {
        if (row.deletedAt) throw notFound('session', sessionId)
        if (row.archivedAt) throw invalidRequest(`session ${sessionId} is archived and cannot be changed`)
        return { resources: work(row), updatedAt: now }
      },
      undefined,
      secrets,
    )
    if (!changed) throw notFound('session', sessionId)
  }

  return {
    async list(sessionId, input) {
      const { limit, page } = parse(resourceListParams, input ?? {})
      const { resources } = await record(sessionId)
      const list = `resources/${sessionId}`
      const from = page ? behind(resources, decodePage(list, page, cursorShape)) : 0
      const data = resources.slice(from, from + limit)
      const next = from + data.length
      const last = data.at(-1)
      const more = last !== undefined && next < resources.length
      return { data, next_page: more ? encodePage(list, { key: keyOf(last), next }) : null }
    },

    async add(sessionId, input) {
      const params = parse(fileResourceParams, input)
      await record(sessionId)
      const now = new Date().toISOString()
      const { copy, attached } = prepareFile(await records.files.get(params.file_id), params, { sessionId, now })
      const work = ({ resources }: SessionRecord) => {
        new MountPlaces(resources).take(attached, 'mount_path')
        const all = [...resources, attached]
        checkNumber(all)
        return all
      }
      if (!(await records.files.insertCopy({ copy, of: params.file_id }))) throw fileNotFound('file_id', params.file_id)
      try {
        await change(sessionId, now, work)
      } catch (error) {
        // A session that names a file which is gone could run no tool any more.
        if (!mayBeDone(error)) await forgetFile(runtime, copy.metadata.id)
        throw error
      }
      return attached
    },

    async retrieve(resourceId, { session_id }) {
      return find(await record(session_id), resourceId)
    },

    async update(resourceId, { session_id, ...input }) {
      const { authorization_token } = parse(resourceUpdateParams, input)
      find(await record(session_id), resourceId)
      const now = new Date().toISOString()
      let updated: RepositoryResource | undefined
      const work = (row: SessionRecord) => {
        const { type } = find(row, resourceId)
        if (type !== 'github_repository') {
          throw invalidRequest(`resource ${resourceId} is a ${type}: only a github_repository can be updated`)
        }
        return row.resources.map((resource): SessionResource => {
          if (resource.type !== 'github_repository' || resource.id !== resourceId) return resource
          updated = { ...resource, updated_at: now }
          return updated
        })
      }
      await change(session_id, now, work, { [resourceId]: runtime.secrets.seal(authorization_token) })
      return updated!
    },

    async delete(resourceId, { session_id }) {
      await record(session_id)
      let fileId: string | undefined
      await change(session_id, new Date().toISOString(), (row) => {
        const found = find(row, resourceId)
        if (found.type !== 'file') {
          throw invalidRequest(`resource ${resourceId} is a ${found.type}: it stays for the life of the session`)
        }
        fileId = found.file_id
        return row.resources.filter((resource) => resource !== found)
      })
      if (fileId) await forgetFile(runtime, fileId)
      return { id: resourceId, type: 'session_resource_deleted' }
    },
  }
}

const cursorShape = { key: z.string(), next: z.int().min(0) }

/** What names a resource in its session; memory stores have no id of their own. */
const keyOf = (resource: SessionResource) => (resource.type === 'memory_store' ? resource.memory_store_id : resource.id)

/** Where the list goes on; when what the cursor names was deleted meanwhile, what came after it has moved up. */
function behind(resources: SessionResource[], { key, next }: { key: string; next: number }): number {
  const at = resources.findIndex((resource) => keyOf(resource) === key)
  return at < 0 ? Math.max(0, next - 1) : at + 1
}

function find({ resources }: SessionRecord, resourceId: string): FileResource | RepositoryResource {
  const found = resources.find((resource) => keyOf(resource) === resourceId)
  if (found?.type === 'memory_store' || !found) throw notFound('resource', resourceId)
  return found
}
