import type { FastifyInstance } from 'fastify'
import type { HoldfastApi } from '../../client/api.ts'
import { readQuery } from '../query.ts'
import { bodyOf, type IdRoute, idempotencyKey } from '../request.ts'

export function deploymentRoutes(app: FastifyInstance, { deployments, deploymentRuns }: HoldfastApi): void {
  app.post('/deployments', (request) => deployments.create(bodyOf(request)))
  app.get('/deployments', (request) =>
    deployments.list(
      readQuery(request, {
        limit: 'number',
        page: 'text',
        agent_id: 'text',
        status: 'text',
        include_archived: 'boolean',
        created_at: 'bounds',
      }),
    ),
  )
  app.get<IdRoute>('/deployments/:id', (request) => deployments.retrieve(request.params.id))
  app.post<IdRoute>('/deployments/:id', (request) => deployments.update(request.params.id, bodyOf(request)))
  app.post<IdRoute>('/deployments/:id/archive', (request) => deployments.archive(request.params.id))
  app.post<IdRoute>('/deployments/:id/pause', (request) => deployments.pause(request.params.id))
  app.post<IdRoute>('/deployments/:id/unpause', (request) => deployments.unpause(request.params.id))
  app.post<IdRoute>('/deployments/:id/run', (request) => deployments.run(request.params.id, idempotencyKey(request)))

  app.get('/deployment_runs', (request) =>
    deploymentRuns.list(
      readQuery(request, {
        limit: 'number',
        page: 'text',
        deployment_id: 'text',
        has_error: 'boolean',
        trigger_type: 'text',
        created_at: 'bounds',
      }),
    ),
  )
  app.get<IdRoute>('/deployment_runs/:id', (request) => deploymentRuns.retrieve(request.params.id))
}
