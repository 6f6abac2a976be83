import { Readable } from 'node:stream'
import { buffer } from 'node:stream/consumers'
import type { FilesApi } from '../../client/api.ts'
import { invalidRequest, notFound } from '../../protocol/errors.ts'
import type { FileMetadata, FileUploadParams } from '../../protocol/files.ts'

interface StoredFile {
  metadata: FileMetadata
  content: Buffer
}

/** Files in memory, as far as the HTTP layer can tell. */
export class StoredFiles implements FilesApi {
  readonly files = new Map<string, StoredFile>()
  /** What became of every stream that was handed in. */
  readonly streams: Readable[] = []
  #count = 0

  async upload({ file, expires_in_seconds: seconds }: FileUploadParams): Promise<FileMetadata> {
    if (seconds !== undefined && (seconds < 3600 || seconds > 7_776_000)) throw invalidRequest('expires_in_seconds: no')
    const content = 'fileId' in file.content ? this.#find(file.content.fileId).content : await this.#read(file.content)
    const metadata: FileMetadata = {
      id: `file_${++this.#count}`,
      type: 'file',
      filename: file.filename ?? 'unnamed',
      mime_type: file.mimeType ?? 'application/octet-stream',
      size_bytes: content.length,
      created_at: new Date(0).toISOString(),
      downloadable: true,
      expires_at: seconds === undefined ? null : new Date(seconds * 1000).toISOString(),
      scope: null,
    }
    this.files.set(metadata.id, { metadata, content })
    return metadata
  }

  async retrieveMetadata(id: string) {
    return this.#find(id).metadata
  }

  async list({ limit = 20, page }: { limit?: number; page?: string | null } = {}) {
    const all = [...this.files.values()].map((file) => file.metadata).reverse()
    const start = Number(page ?? 0)
    const next = start + limit < all.length ? String(start + limit) : null
    return { data: all.slice(start, start + limit), next_page: next }
  }

  async download(id: string) {
    const { metadata, content } = this.#find(id)
    const stream = Readable.from([content])
    this.streams.push(stream)
    return { metadata, content: stream }
  }

  async delete(id: string) {
    this.#find(id)
    this.files.delete(id)
    return { id, type: 'file_deleted' as const }
  }

  #read(content: unknown): Promise<Buffer> {
    this.streams.push(content as Readable)
    return buffer(content as Readable)
  }

  #find(id: string): StoredFile {
    const file = this.files.get(id)
    if (!file) throw notFound('file', id)
    return file
  }
}

/** Files like these, with other methods in the place of some. */
export function filesApi(stored: StoredFiles, others: Partial<FilesApi> = {}): FilesApi {
  return {
    upload: (params) => stored.upload(params),
    retrieveMetadata: (id) => stored.retrieveMetadata(id),
    list: (params) => stored.list(params),
    download: (id) => stored.download(id),
    delete: (id) => stored.delete(id),
    ...others,
  }
}
