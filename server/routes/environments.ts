import type { FastifyInstance } from 'fastify'
import type { HoldfastApi } from '../../client/api.ts'
import { readQuery } from '../query.ts'
import { bodyOf, type IdRoute } from '../request.ts'

export function environmentRoutes(app: FastifyInstance, { environments }: HoldfastApi): void {
  app.post('/environments', (request) => environments.create(bodyOf(request)))
  app.get('/environments', (request) =>
    environments.list(readQuery(request, { limit: 'number', page: 'text', include_archived: 'boolean' })),
  )
  app.get<IdRoute>('/environments/:id', (request) => environments.retrieve(request.params.id))
  app.post<IdRoute>('/environments/:id', (request) => environments.update(request.params.id, bodyOf(request)))
  app.delete<IdRoute>('/environments/:id', (request) => environments.delete(request.params.id))
  app.post<IdRoute>('/environments/:id/archive', (request) => environments.archive(request.params.id))
}
