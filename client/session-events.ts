import { z } from 'zod'
import { type Cursor, formatCursor, parseCursor } from '../log/cursor.ts'
import { SessionGone } from '../log/session-log.ts'
import { invalidRequest } from '../protocol/errors.ts'
import { eventTypes, type SessionEvent } from '../protocol/events.ts'
import { limits } from '../protocol/limits.ts'
import { createdAtFilter, decodePage, encodePage, pageParams } from '../protocol/pagination.ts'
import { parse } from '../protocol/parse.ts'
import type { SessionRecord } from '../store/records.ts'
import { accept } from './accept.ts'
import type { SessionEventsApi } from './api.ts'
import type { Runtime } from './runtime.ts'
import { openStream } from './session-stream.ts'
import { whenBegun } from './when-begun.ts'

export const eventListParams = pageParams('sessionEvents').extend({
  order: z.enum(['asc', 'desc']).optional(),
  types: z.array(z.enum(eventTypes)).optional(),
  created_at: createdAtFilter.optional(),
})
export const eventStreamParams = z.strictObject({
  after: z.string().optional(),
  event_deltas: z
    .array(z.enum(['agent.message', 'agent.thinking']))
    .max(limits.eventDeltas)
    .optional(),
})
const streamParams = eventStreamParams.extend({ signal: z.instanceof(AbortSignal).optional() })
/** `waiting`: the last event that was shown while it waited; `at` is then the place that the log had reached. */
const cursorShape = { order: z.enum(['asc', 'desc']), at: z.string(), waiting: z.string().optional() }

/** Events of sessions. `record` gives a session's row or throws the 404. */
export function createSessionEventsApi(
  runtime: Runtime,
  record: (sessionId: string) => Promise<SessionRecord>,
): SessionEventsApi {
  return {
    async send(sessionId, input, options = {}) {
      const { events } = await accept(runtime, await record(sessionId), input, options)
      return { data: events }
    },

    async list(sessionId, input = {}) {
      const params = parse(eventListParams, input)
      await record(sessionId)
      const list = `events/${sessionId}`
      const page = params.page === undefined ? undefined : decodePage(list, params.page, cursorShape)
      if (page && params.order && params.order !== page.order)
        throw invalidRequest('page: the cursor is of the other order')
      const order = page?.order ?? params.order ?? 'asc'
      const after = page && place(page.at, 'page')
      const isWanted = filter(params.types, params.created_at)
      const data: SessionEvent[] = []
      let last: Cursor | undefined
      let processed: { count: number; cursor: Cursor } | undefined
      try {
        const items = runtime.logs.get(sessionId).list({ order, after, waiting: page?.waiting })
        for await (const { cursor, event } of items) {
          if (!isWanted(event)) continue
          if (data.length === params.limit) {
            // What waits gets another place when it is processed: a page that can ends before it.
            if (order === 'asc' && processed) {
              data.length = processed.count
              last = processed.cursor
            }
            const shown = data.at(-1)!
            const isWaiting = shown.processed_at === null
            const waiting = isWaiting ? shown.id : order === 'asc' ? page?.waiting : undefined
            return { data, next_page: encodePage(list, { order, at: formatCursor(last!), waiting }) }
          }
          data.push(event)
          last = cursor
          if (event.processed_at !== null) processed = { count: data.length, cursor }
        }
      } catch (error) {
        // The row is there and the workflow is not: its creation is under way.
        if (!(error instanceof SessionGone)) throw error
      }
      return { data, next_page: null }
    },

    async stream(sessionId, input = {}) {
      const { after, event_deltas, signal } = parse(streamParams, input)
      const row = await record(sessionId)
      const from = after === undefined ? undefined : place(after, 'after')
      return whenBegun(runtime, sessionId, () =>
        openStream(runtime, row, { after: from, deltas: new Set(event_deltas ?? []), signal }),
      )
    },
  }
}

function place(text: string, field: string): Cursor {
  const cursor = parseCursor(text)
  if (!cursor) throw invalidRequest(`${field}: not a cursor of an event`)
  return cursor
}

/** Filters by type and time. What is not yet processed has no time: it passes no time filter. Source: spec §8.2. */
function filter(types: readonly string[] | undefined, at: z.output<typeof createdAtFilter> | undefined) {
  const wanted = types?.length ? new Set(types) : undefined
  const bounds = at && Object.entries(at).filter(([, time]) => time !== undefined)
  return (event: SessionEvent) => {
    if (wanted && !wanted.has(event.type)) return false
    if (!bounds?.length) return true
    if (event.processed_at === null) return false
    const time = Date.parse(event.processed_at)
    return bounds.every(([bound, text]) => {
      const limit = Date.parse(text!)
      if (bound === 'gt') return time > limit
      if (bound === 'gte') return time >= limit
      if (bound === 'lt') return time < limit
      return time <= limit
    })
  }
}
