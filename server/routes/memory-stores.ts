import type { FastifyInstance, FastifyRequest } from 'fastify'
import type { HoldfastApi } from '../../client/api.ts'
import type { Callers } from '../callers.ts'
import { readQuery } from '../query.ts'
import { bodyOf, type IdRoute } from '../request.ts'

interface MemoryRoute {
  Params: { id: string; memory: string }
}
interface VersionRoute {
  Params: { id: string; version: string }
}

export function memoryStoreRoutes(app: FastifyInstance, { memoryStores }: HoldfastApi, callers: Callers): void {
  app.post('/memory_stores', (request) => memoryStores.create(bodyOf(request)))
  app.get('/memory_stores', (request) =>
    memoryStores.list(
      readQuery(request, { limit: 'number', page: 'text', include_archived: 'boolean', created_at: 'bounds' }),
    ),
  )
  app.get<IdRoute>('/memory_stores/:id', (request) => memoryStores.retrieve(request.params.id))
  app.post<IdRoute>('/memory_stores/:id', (request) => memoryStores.update(request.params.id, bodyOf(request)))
  app.delete<IdRoute>('/memory_stores/:id', (request) => memoryStores.delete(request.params.id))
  app.post<IdRoute>('/memory_stores/:id/archive', (request) => memoryStores.archive(request.params.id))

  app.post<IdRoute>('/memory_stores/:id/memories', (request) =>
    memoryStores.memories.create(
      request.params.id,
      { ...bodyOf<Body>(request), ...viewOf(request) },
      callers.actorOf(request),
    ),
  )
  app.get<IdRoute>('/memory_stores/:id/memories', (request) =>
    memoryStores.memories.list(
      request.params.id,
      readQuery(request, { limit: 'number', page: 'text', path_prefix: 'text', depth: 'number', view: 'text' }),
    ),
  )
  app.get<MemoryRoute>('/memory_stores/:id/memories/:memory', (request) =>
    memoryStores.memories.retrieve(request.params.memory, { ...viewOf(request), memory_store_id: request.params.id }),
  )
  // PATCH is the older verb. Source: spec §0.2.
  app.route<MemoryRoute>({
    method: ['POST', 'PATCH'],
    url: '/memory_stores/:id/memories/:memory',
    handler: (request) =>
      memoryStores.memories.update(
        request.params.memory,
        {
          ...bodyOf<Body>(request),
          ...viewOf(request),
          memory_store_id: request.params.id,
        },
        callers.actorOf(request),
      ),
  })
  app.delete<MemoryRoute>('/memory_stores/:id/memories/:memory', (request) =>
    memoryStores.memories.delete(
      request.params.memory,
      {
        ...readQuery(request, { expected_content_sha256: 'text' }),
        memory_store_id: request.params.id,
      },
      callers.actorOf(request),
    ),
  )

  app.get<IdRoute>('/memory_stores/:id/memory_versions', (request) =>
    memoryStores.memoryVersions.list(
      request.params.id,
      readQuery(request, {
        limit: 'number',
        page: 'text',
        view: 'text',
        memory_id: 'text',
        operation: 'text',
        session_id: 'text',
        api_key_id: 'text',
        service_account_id: 'text',
        created_at: 'bounds',
      }),
    ),
  )
  app.get<VersionRoute>('/memory_stores/:id/memory_versions/:version', (request) =>
    memoryStores.memoryVersions.retrieve(request.params.version, {
      ...viewOf(request),
      memory_store_id: request.params.id,
    }),
  )
  app.post<VersionRoute>('/memory_stores/:id/memory_versions/:version/redact', (request) =>
    memoryStores.memoryVersions.redact(
      request.params.version,
      {
        ...bodyOf<Body>(request),
        memory_store_id: request.params.id,
      },
      callers.actorOf(request),
    ),
  )
}

type Body = Parameters<HoldfastApi['memoryStores']['memories']['create']>[1]

/** The view is a parameter of the query, also where there is a body. Source: spec §17.2. */
function viewOf(request: FastifyRequest): object {
  return readQuery(request, { view: 'text' })
}
