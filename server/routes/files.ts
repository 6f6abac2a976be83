import type { FastifyInstance, FastifyRequest } from 'fastify'
import type { HoldfastApi } from '../../client/api.ts'
import type { FileMetadata } from '../../protocol/files.ts'
import { invalidRequest } from '../../protocol/errors.ts'
import { hasBeta, type IdRoute } from '../request.ts'
import { readQuery } from '../query.ts'

/** Clients that send it get the older list. Source: spec §15.6. */
const legacy = 'files-api-2025-04-14'

export function fileRoutes(app: FastifyInstance, { files }: HoldfastApi): void {
  app.post('/files', async (request) => {
    if (!request.isMultipart()) throw invalidRequest('content-type: an upload is multipart/form-data with the part "file"')
    for await (const part of request.parts()) {
      if (part.type !== 'file') continue
      if (part.fieldname !== 'file') throw invalidRequest(`${part.fieldname}: the file's part is called "file"`)
      const field = part.fields.expires_in_seconds
      const expires = field && 'value' in field ? Number(field.value) : undefined
      return files.upload({
        file: { filename: part.filename, mimeType: part.mimetype === 'application/octet-stream' ? undefined : part.mimetype, content: part.file },
        ...(expires !== undefined && { expires_in_seconds: expires }),
      })
    }
    throw invalidRequest('file: the part is missing')
  })

  app.get('/files', async (request) => {
    if (hasBeta(request, legacy)) return legacyList(request)
    return files.list(readQuery(request, { limit: 'number', page: 'text', scope_id: 'text', ids: 'list' }))
  })
  app.get<IdRoute>('/files/:id', (request) => files.retrieveMetadata(request.params.id))
  app.delete<IdRoute>('/files/:id', (request) => files.delete(request.params.id))
  app.get<IdRoute>('/files/:id/content', async (request, reply) => {
    const { metadata, content } = await files.download(request.params.id)
    const plain = metadata.filename.replace(/[^\x20-\x7e]|["\\]/g, '_')
    reply.header('content-type', metadata.mime_type)
    reply.header('content-length', metadata.size_bytes)
    reply.header('content-disposition', `attachment; filename="${plain}"; filename*=UTF-8''${encodeURIComponent(metadata.filename)}`)
    // It is somebody's upload: no browser may take it for a page of this origin.
    reply.header('x-content-type-options', 'nosniff')
    return reply.send(content)
  })

  async function legacyList(request: FastifyRequest) {
    const { before_id, after_id, limit, scope_id } = readQuery(request, {
      before_id: 'text',
      after_id: 'text',
      limit: 'number',
      scope_id: 'text',
    }) as { before_id?: string; after_id?: string; limit?: number; scope_id?: string }
    if (before_id && after_id) throw invalidRequest('before_id: cannot be combined with after_id')
    const all: FileMetadata[] = []
    let page: string | undefined
    do {
      const part = await files.list({ limit: 1000, ...(page && { page }), ...(scope_id && { scope_id }) })
      all.push(...part.data)
      page = part.next_page ?? undefined
    } while (page)
    const size = limit ?? 20
    const at = all.findIndex((file) => file.id === (after_id ?? before_id))
    if ((after_id || before_id) && at < 0) throw invalidRequest(`${after_id ? 'after_id' : 'before_id'}: no such file`)
    const start = after_id ? at + 1 : before_id ? Math.max(0, at - size) : 0
    const end = before_id ? at : start + size
    const data = all.slice(start, end)
    return {
      data,
      has_more: before_id ? start > 0 : end < all.length,
      first_id: data[0]?.id ?? null,
      last_id: data.at(-1)?.id ?? null,
    }
  }
}
