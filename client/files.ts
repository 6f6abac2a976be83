import { Readable } from 'node:stream'
import type { ReadableStream } from 'node:stream/web'
import { ApiError, invalidRequest, notFound, tooLarge } from '../protocol/errors.ts'
import {
  expiresInSeconds,
  type FileMetadata,
  type FileUploadParams,
  fileListParams,
  mimeType,
  storedFilename,
} from '../protocol/files.ts'
import { isId, newId } from '../protocol/ids.ts'
import { limits, pageSizes } from '../protocol/limits.ts'
import { getExtension, getType } from '../protocol/media-types.ts'
import { parse } from '../protocol/parse.ts'
import { type Blobs, BlobTooLarge } from '../store/blobs.ts'
import type { FileRecord, Records } from '../store/records.ts'
import { mayBeDone } from '../store/records-unavailable.ts'
import type { FilesApi, UploadOptions } from './api.ts'
import { hasExpired } from './expired-files.ts'
import { pageAt, pageOf } from './pages.ts'

export function createFilesApi({ files, sessions }: Records, blobs: Blobs): FilesApi {
  async function find(id: string): Promise<FileRecord> {
    const file = await files.get(id)
    if (!file) throw notFound('file', id)
    return file
  }

  async function store(
    blob: string,
    content: Readable,
    options: UploadOptions,
  ): Promise<{ blob: string; size: number }> {
    const { size } = await blobs.putStream(blob, content, { maxBytes: limits.fileBytes, ...options }).catch((error) => {
      if (error instanceof BlobTooLarge) throw tooLarge(`file: longer than ${limits.fileBytes} bytes`, { cause: error })
      throw error
    })
    return { blob, size }
  }

  async function sharedContent(content: unknown): Promise<{ id: string; blob: string; size: number } | undefined> {
    if (typeof (content as { fileId?: unknown } | null)?.fileId !== 'string') return undefined
    const { metadata, blob } = await find((content as { fileId: string }).fileId)
    if (hasExpired(metadata)) throw expired(metadata.id)
    return { id: metadata.id, blob, size: metadata.size_bytes }
  }

  return {
    async upload({ file, expires_in_seconds }: FileUploadParams, { ownsBuffers = false }: UploadOptions = {}) {
      const seconds = parse(expiresInSeconds, expires_in_seconds, 'expires_in_seconds')
      const shared = await sharedContent(file?.content)
      const content = shared ? undefined : streamOf(file?.content)
      const type =
        parse(mimeType, file.mimeType, 'file.mimeType') ?? getType(file.filename) ?? 'application/octet-stream'
      const filename = storedFilename(file.filename, getExtension(type))
      const id = newId('file')
      const { blob, size } = content ? await store(`files/${id}`, content, { ownsBuffers }) : shared!
      const now = Date.now()
      const metadata: FileMetadata = {
        id,
        type: 'file',
        filename,
        mime_type: type,
        size_bytes: size,
        created_at: new Date(now).toISOString(),
        downloadable: true,
        expires_at: seconds === undefined ? null : new Date(now + seconds * 1000).toISOString(),
        scope: null,
      }
      try {
        if (!shared) await files.insert({ metadata, blob })
        else if (!(await files.insertCopy({ copy: { metadata, blob }, of: shared.id })))
          throw notFound('file', shared.id)
      } catch (error) {
        if (content && !mayBeDone(error)) await blobs.delete(blob).catch(() => {})
        throw error
      }
      return metadata
    },

    async retrieveMetadata(fileId) {
      return (await find(fileId)).metadata
    },

    async list(input = {}) {
      const params = parse(fileListParams, input)
      const { scope_id: scope, ids } = params
      if (scope !== undefined && !isId('session', scope)) throw invalidRequest('scope_id: not an id of a session')
      if (ids != null) {
        if (params.page !== undefined || params.limit !== undefined) {
          throw invalidRequest('ids: cannot be combined with page or limit')
        }
        const wanted = [...new Set(ids)]
        if (wanted.length > 100) throw invalidRequest('ids: at most 100')
        const found = (await files.getMany(wanted)).map((file) => file.metadata)
        const inScope = found.filter((file) => scope === undefined || file.scope?.id === scope)
        return { data: inScope.sort(newestFirst), next_page: null }
      }
      const { rows, more } = await files.list({
        limit: params.limit ?? pageSizes.files.default,
        ...pageAt('files', params.page),
        ...(scope !== undefined && { scope }),
      })
      return pageOf(
        'files',
        rows.map((file) => file.metadata),
        more,
      )
    },

    async download(fileId) {
      const { metadata, blob } = await find(fileId)
      if (hasExpired(metadata)) {
        throw expired(fileId)
      }
      const content = await blobs.getStream(blob)
      if (!content) throw notFound('content of file', fileId)
      return { metadata, content }
    },

    async delete(fileId) {
      const { metadata, blob } = await find(fileId)
      if (
        metadata.scope &&
        (await sessions.get(metadata.scope.id))?.resources.some(
          (held) => held.type === 'file' && held.file_id === fileId,
        )
      ) {
        throw invalidRequest(`file ${fileId} is attached to session ${metadata.scope.id}: it goes with the session`)
      }
      await files.delete(fileId)
      // Sessions that mounted it have copies of their own that share the content.
      if (blob !== '' && (await files.countByBlob(blob)) === 0) await blobs.delete(blob)
      return { id: fileId, type: 'file_deleted' }
    },
  }
}

const expired = (fileId: string) =>
  new ApiError(404, 'not_found_error', `file ${fileId} has expired`, { code: 'file_expired' })

function streamOf(content: unknown): Readable {
  if (content instanceof Readable) return content
  if (content instanceof Blob) return Readable.fromWeb(content.stream() as ReadableStream)
  if (content instanceof Uint8Array) return Readable.from([content])
  throw invalidRequest('file.content: is missing, or is neither a Readable, a Uint8Array nor a Blob')
}

const newestFirst = (a: FileMetadata, b: FileMetadata) =>
  b.created_at.localeCompare(a.created_at) || b.id.localeCompare(a.id)
