import type { FastifyInstance } from 'fastify'
import type { HoldfastApi } from '../../client/api.ts'
import type { EventStreams } from '../event-streams.ts'
import { readQuery } from '../query.ts'
import { bodyOf, type IdRoute, idempotencyKey, repetition, streamParams } from '../request.ts'

export function sessionRoutes(app: FastifyInstance, { sessions }: HoldfastApi, streams: EventStreams): void {
  app.post('/sessions', (request) => sessions.create(bodyOf(request), idempotencyKey(request)))
  app.get('/sessions', (request) =>
    sessions.list(
      readQuery(request, {
        limit: 'number',
        page: 'text',
        order: 'text',
        agent_id: 'text',
        agent_version: 'number',
        deployment_id: 'text',
        memory_store_id: 'text',
        statuses: 'list',
        include_archived: 'boolean',
        created_at: 'bounds',
      }),
    ),
  )
  app.get<IdRoute>('/sessions/:id', (request) => sessions.retrieve(request.params.id))
  app.post<IdRoute>('/sessions/:id', (request) => sessions.update(request.params.id, bodyOf(request)))
  app.delete<IdRoute>('/sessions/:id', (request) => sessions.delete(request.params.id))
  app.post<IdRoute>('/sessions/:id/archive', (request) => sessions.archive(request.params.id))

  app.post<IdRoute>('/sessions/:id/events', (request) =>
    sessions.events.send(request.params.id, bodyOf(request), {
      ...idempotencyKey(request),
      ...repetition(request),
    }),
  )
  app.get<IdRoute>('/sessions/:id/events', (request) =>
    sessions.events.list(
      request.params.id,
      readQuery(request, { limit: 'number', page: 'text', order: 'text', types: 'list', created_at: 'bounds' }),
    ),
  )
  // A stream has no head of its own: asking for it would open one.
  app.get<IdRoute>('/sessions/:id/events/stream', { exposeHeadRoute: false }, async (request, reply) => {
    const params = streamParams(request)
    await streams.serve(request, reply, (signal) => sessions.events.stream(request.params.id, { ...params, signal }))
    return reply
  })
}
