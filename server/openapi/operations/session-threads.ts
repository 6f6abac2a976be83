import { eventStreamParams } from '../../../client/session-events.ts'
import { threadEventListParams, threadListParams } from '../../../protocol/threads.ts'
import { sessionEvent, streamEvent } from '../objects/events.ts'
import { sessionThread } from '../objects/sessions.ts'
import { json, type Operation, page } from '../operation.ts'

const all = '/v1/sessions/{id}/threads'
const one = `${all}/{thread}`

/** Source: spec §13.4. */
export const sessionThreadOperations: Operation[] = [
  {
    id: 'sessions.threads.list',
    method: 'GET',
    path: all,
    summary: 'Lists the threads of a session: the primary one',
    query: threadListParams,
    answer: page(sessionThread),
  },
  {
    id: 'sessions.threads.retrieve',
    method: 'GET',
    path: one,
    summary: 'A thread of a session',
    answer: json(sessionThread),
  },
  {
    id: 'sessions.threads.archive',
    method: 'POST',
    path: `${one}/archive`,
    summary: 'Refused: the primary thread is archived with its session',
    answer: json(sessionThread),
  },
  {
    id: 'sessions.threads.events.list',
    method: 'GET',
    path: `${one}/events`,
    summary: 'Lists the events of a thread in the order of the log',
    query: threadEventListParams,
    answer: page(sessionEvent),
  },
  {
    id: 'sessions.threads.events.stream',
    method: 'GET',
    path: `${one}/stream`,
    summary: "Streams a thread's events as they come, as the session's stream does",
    query: eventStreamParams,
    answer: { kind: 'events', schema: streamEvent },
  },
]
