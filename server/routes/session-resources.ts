import type { FastifyInstance } from 'fastify'
import type { HoldfastApi } from '../../client/api.ts'
import { readQuery } from '../query.ts'
import { bodyOf, type IdRoute } from '../request.ts'

interface ResourceRoute {
  Params: { id: string; resource: string }
}

/** Source: spec §12.3. */
export function sessionResourceRoutes(app: FastifyInstance, { sessions: { resources } }: HoldfastApi): void {
  const one = '/sessions/:id/resources/:resource'
  app.post<IdRoute>('/sessions/:id/resources', (request) => resources.add(request.params.id, bodyOf(request)))
  app.get<IdRoute>('/sessions/:id/resources', (request) =>
    resources.list(request.params.id, readQuery(request, { limit: 'number', page: 'text' })),
  )
  app.get<ResourceRoute>(one, ({ params }) => resources.retrieve(params.resource, { session_id: params.id }))
  app.post<ResourceRoute>(one, (request) => {
    const { id, resource } = request.params
    return resources.update(resource, { ...bodyOf<{ authorization_token: string }>(request), session_id: id })
  })
  app.delete<ResourceRoute>(one, ({ params }) => resources.delete(params.resource, { session_id: params.id }))
}
