import { z } from 'zod'
import { eventListParams, eventStreamParams } from '../../../client/session-events.ts'
import { sendParams } from '../../../protocol/events.ts'
import { sessionCreateParams, sessionListParams, sessionUpdateParams } from '../../../protocol/sessions.ts'
import { sessionEvent, streamEvent, userEvent } from '../objects/events.ts'
import { session } from '../objects/sessions.ts'
import { deleted, json, type Operation, page } from '../operation.ts'

const sessionPage = json(
  z.looseObject({ data: z.array(session), next_page: z.string().nullable(), prev_page: z.string().nullable() }),
)

/** Source: spec §6, §8. */
export const sessionOperations: Operation[] = [
  {
    id: 'sessions.create',
    method: 'POST',
    path: '/v1/sessions',
    summary: 'Starts a session of an agent in an environment',
    body: sessionCreateParams,
    idempotent: true,
    answer: json(session),
  },
  {
    id: 'sessions.list',
    method: 'GET',
    path: '/v1/sessions',
    summary: 'Lists sessions, newest first unless asked otherwise',
    query: sessionListParams,
    answer: sessionPage,
  },
  {
    id: 'sessions.retrieve',
    method: 'GET',
    path: '/v1/sessions/{id}',
    summary: 'A session',
    answer: json(session),
  },
  {
    id: 'sessions.update',
    method: 'POST',
    path: '/v1/sessions/{id}',
    summary: 'Changes a session',
    body: sessionUpdateParams,
    answer: json(session),
  },
  {
    id: 'sessions.delete',
    method: 'DELETE',
    path: '/v1/sessions/{id}',
    summary: 'Deletes a session with everything that it has',
    answer: deleted('session_deleted'),
  },
  {
    id: 'sessions.archive',
    method: 'POST',
    path: '/v1/sessions/{id}/archive',
    summary: 'Ends a session; it stays readable',
    answer: json(session),
  },
  {
    id: 'sessions.events.send',
    method: 'POST',
    path: '/v1/sessions/{id}/events',
    summary: 'Sends events to a session: once answered they are in its log for ever',
    body: sendParams,
    idempotent: true,
    answer: json(z.looseObject({ data: z.array(userEvent) })),
  },
  {
    id: 'sessions.events.list',
    method: 'GET',
    path: '/v1/sessions/{id}/events',
    summary: 'Lists the events of a session in the order of its log',
    query: eventListParams,
    answer: page(sessionEvent),
  },
  {
    id: 'sessions.events.stream',
    method: 'GET',
    path: '/v1/sessions/{id}/events/stream',
    summary: 'Streams events as they come, behind a cursor (`after`, or the header `Last-Event-ID`) or from now on',
    query: eventStreamParams,
    answer: { kind: 'events', schema: streamEvent },
  },
]
