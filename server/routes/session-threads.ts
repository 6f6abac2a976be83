import type { FastifyInstance } from 'fastify'
import type { HoldfastApi } from '../../client/api.ts'
import type { EventStreams } from '../event-streams.ts'
import { readQuery } from '../query.ts'
import { type IdRoute, streamParams } from '../request.ts'

interface ThreadRoute {
  Params: { id: string; thread: string }
}

/** Source: spec §13.4. */
export function sessionThreadRoutes(
  app: FastifyInstance,
  { sessions: { threads } }: HoldfastApi,
  streams: EventStreams,
): void {
  const one = '/sessions/:id/threads/:thread'
  app.get<IdRoute>('/sessions/:id/threads', (request) =>
    threads.list(request.params.id, readQuery(request, { limit: 'number', page: 'text', statuses: 'list' })),
  )
  app.get<ThreadRoute>(one, ({ params }) => threads.retrieve(params.thread, { session_id: params.id }))
  app.post<ThreadRoute>(`${one}/archive`, ({ params }) => threads.archive(params.thread, { session_id: params.id }))
  app.get<ThreadRoute>(`${one}/events`, (request) => {
    const { id, thread } = request.params
    return threads.events.list(thread, { ...readQuery(request, { limit: 'number', page: 'text' }), session_id: id })
  })
  app.get<ThreadRoute>(`${one}/stream`, { exposeHeadRoute: false }, async (request, reply) => {
    const { id, thread } = request.params
    const params = streamParams(request)
    await streams.serve(request, reply, (signal) =>
      threads.events.stream(thread, { ...params, session_id: id, signal }),
    )
    return reply
  })
}
