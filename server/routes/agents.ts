import type { FastifyInstance } from 'fastify'
import type { HoldfastApi } from '../../client/api.ts'
import { readQuery } from '../query.ts'
import { bodyOf, type IdRoute } from '../request.ts'

export function agentRoutes(app: FastifyInstance, { agents }: HoldfastApi): void {
  app.post('/agents', (request) => agents.create(bodyOf(request)))
  app.get('/agents', (request) =>
    agents.list(
      readQuery(request, { limit: 'number', page: 'text', include_archived: 'boolean', created_at: 'bounds' }),
    ),
  )
  app.get<IdRoute>('/agents/:id', (request) =>
    agents.retrieve(request.params.id, readQuery(request, { version: 'number' })),
  )
  app.post<IdRoute>('/agents/:id', (request) => agents.update(request.params.id, bodyOf(request)))
  app.post<IdRoute>('/agents/:id/archive', (request) => agents.archive(request.params.id))
  app.get<IdRoute>('/agents/:id/versions', (request) =>
    agents.versions.list(request.params.id, readQuery(request, { limit: 'number', page: 'text' })),
  )
}
