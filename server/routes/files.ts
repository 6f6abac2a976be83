import multipart from '@fastify/multipart'
import type { FastifyInstance } from 'fastify'
import type { HoldfastApi } from '../../client/api.ts'
import { invalidRequest } from '../../protocol/errors.ts'
import { contentHeaders } from '../content-headers.ts'
import { listLegacyFiles } from '../legacy-files.ts'
import type { ServerLimits } from '../limits.ts'
import { readQuery } from '../query.ts'
import { hasBeta, type IdRoute } from '../request.ts'
import { receiveUpload } from '../upload.ts'

/** Clients that send it get the older list. Source: spec §15.6. */
const legacy = 'files-api-2025-04-14'

export async function fileRoutes(app: FastifyInstance, { files }: HoldfastApi, limits: ServerLimits): Promise<void> {
  await app.register(multipart, {
    limits: { fileSize: limits.fileBytes, files: 1, fields: 5, fieldSize: 1000 },
    throwFileSizeLimit: false,
  })

  app.post('/files', async (request) => {
    if (request.isMultipart()) return receiveUpload(request, files, limits)
    throw invalidRequest('content-type: an upload is multipart/form-data with the part "file"')
  })
  app.get('/files', async (request) => {
    if (hasBeta(request, legacy)) {
      const shape = { limit: 'number', before_id: 'text', after_id: 'text', scope_id: 'text' } as const
      return listLegacyFiles(files, readQuery(request, shape))
    }
    return files.list(readQuery(request, { limit: 'number', page: 'text', scope_id: 'text', ids: 'list' }))
  })
  app.get<IdRoute>('/files/:id', (request) => files.retrieveMetadata(request.params.id))
  app.delete<IdRoute>('/files/:id', (request) => files.delete(request.params.id))

  app.get<IdRoute>('/files/:id/content', { exposeHeadRoute: false }, async (request, reply) => {
    const { metadata, content } = await files.download(request.params.id)
    return reply.headers(contentHeaders(metadata)).send(content)
  })
  app.head<IdRoute>('/files/:id/content', async (request, reply) => {
    const { metadata, content } = await files.download(request.params.id)
    content.destroy()
    return reply.headers(contentHeaders(metadata)).send()
  })
}
