import { type Cursor, compareCursors, formatCursor } from '../log/cursor.ts'
import type { LogItem } from '../log/projection.ts'
import type { PreviewEvent } from '../protocol/events.ts'
import { newId, stepEvent } from '../protocol/ids.ts'
import type { SessionRecord } from '../store/records.ts'
import type { EventStream, StreamedEvent } from './api.ts'
import type { Runtime } from './runtime.ts'

export interface StreamOptions {
  after?: Cursor
  /** Kinds of previews wanted. */
  deltas: Set<string>
  signal?: AbortSignal
}

/** Previews that a slow reader may have waiting; more are dropped, their message comes all the same. */
const previewBuffer = 1000

/** Opens the stream of a session: its events, and between them the previews of what is being written. Source: spec §8.3. */
export async function openStream(
  runtime: Runtime,
  row: SessionRecord,
  { after, deltas, signal }: StreamOptions,
): Promise<EventStream> {
  const previews = new PreviewQueue(deltas)
  const closing = new AbortController()
  // With a reason: the usual one takes down where it was made, for each of a thousand readers.
  const end = () => closing.abort(closed)
  // Not `AbortSignal.any`: a thousand readers look often whether it was aborted, which takes long there.
  signal?.addEventListener('abort', end, { once: true })
  if (signal?.aborted) end()
  const unsubscribe = deltas.size > 0 ? runtime.bus.subscribe(row.id, (preview) => previews.push(preview)) : () => {}
  const release = () => {
    signal?.removeEventListener('abort', end)
    unsubscribe()
  }
  try {
    const log = runtime.logs.get(row.id)
    const items = await log.followBatches({ after, signal: closing.signal })
    // The request that runs may have begun before what this reader gets.
    const newest = log.tail.current?.items.findLast(({ event }) => event.type.startsWith('span.model_request_'))
    if (newest && !(after && compareCursors(newest.cursor, after) > 0)) previews.see(newest.event)
    const batches = deliver(runtime, row, items, deltas.size > 0 ? previews : undefined, release)
    const close = async () => {
      // A generator that waits cannot be returned from: wake it first.
      end()
      // One that was never used runs no `finally` either.
      release()
      await batches.return()
      return { done: true as const, value: undefined }
    }
    const events = oneByOne(batches)
    return {
      [Symbol.asyncIterator]: () => ({ next: () => events.next(), return: close }),
      batches: () => ({ [Symbol.asyncIterator]: () => ({ next: () => batches.next(), return: close }) }),
      async [Symbol.asyncDispose]() {
        await close()
      },
    }
  } catch (error) {
    release()
    throw error
  }
}

const closed = new Error('the stream was closed')

async function* deliver(
  runtime: Runtime,
  row: SessionRecord,
  batches: AsyncGenerator<readonly LogItem[], void>,
  previews: PreviewQueue | undefined,
  release: () => void,
): AsyncGenerator<readonly StreamedEvent[], void> {
  const next = () => {
    const batch = batches.next()
    // It may fail while the reader is busy with the items before: it is looked at later, and must not end the process.
    batch.catch(() => {})
    return batch
  }
  try {
    let upcoming = next()
    for (;;) {
      const batch = await (previews ? Promise.race([upcoming, previews.filled()]) : upcoming)
      const ready = previews?.drain() ?? []
      if (ready.length > 0) yield ready.map((event) => ({ event }))
      if (!batch) continue
      if (batch.done) break
      upcoming = next()
      if (previews) yield* interleaved(streamed(batch.value), previews)
      else yield streamed(batch.value)
    }
    const newest = await runtime.records.sessions.get(row.id)
    if (!newest || newest.deletedAt) {
      yield [{ event: { type: 'session.deleted', id: newId('event'), processed_at: new Date().toISOString() } }]
    }
  } finally {
    release()
    await batches.return()
  }
}

/** Events of the log; behind the beginning of a request come the previews of its reply that have overtaken it. */
function* interleaved(
  events: readonly StreamedEvent[],
  previews: PreviewQueue,
): Generator<readonly StreamedEvent[], void> {
  let from = 0
  for (const [index, { event }] of events.entries()) {
    if (!previews.see(event)) continue
    yield events.slice(from, index + 1)
    from = index + 1
    yield previews.drain().map((preview) => ({ event: preview }))
  }
  if (from < events.length) yield from === 0 ? events : events.slice(from)
}

/** As the log gives all readers of a session the same items, they get the same events. */
const known = new WeakMap<readonly LogItem[], readonly StreamedEvent[]>()

function streamed(items: readonly LogItem[]): readonly StreamedEvent[] {
  let events = known.get(items)
  if (!events) {
    events = items.map(({ cursor, event }) => ({ cursor: formatCursor(cursor), event }))
    known.set(items, events)
  }
  return events
}

async function* oneByOne(batches: AsyncGenerator<readonly StreamedEvent[], void>): AsyncGenerator<StreamedEvent, void> {
  for await (const batch of batches) yield* batch
}

/**
 * Previews on their way to one reader. They travel beside the log, so they may come early or late: none may come before
 * its request has begun, none may follow the event it previews or the end of its request, and no delta comes without its
 * start. Source: spec §8.4.
 */
class PreviewQueue {
  readonly #wanted: Set<string>
  #waiting: PreviewEvent[] = []
  /** Ids of the beginnings of requests that this reader knows of and that have not ended. */
  readonly #begun = new Set<string>()
  /** What waits until this reader is told of the request. */
  readonly #early = new Map<string, PreviewEvent[]>()
  /** Events that were announced to this reader and are not written yet. */
  readonly #open = new Set<string>()
  /** Newest events that are written, and requests that have ended. */
  readonly #settled = new Set<string>()
  #filled = Promise.withResolvers<undefined>()

  constructor(wanted: Set<string>) {
    this.#wanted = wanted
  }

  push(preview: PreviewEvent): void {
    const id = previewed(preview)
    const request = stepEvent.startOf(id)
    if (preview.type === 'event_start') {
      if (!this.#wanted.has(preview.event.type) || this.#open.has(id)) return
      if (this.#settled.has(id) || this.#settled.has(request)) return
      this.#open.add(id)
    } else if (!this.#open.has(id)) {
      return
    }
    const queue = this.#begun.has(request) ? this.#waiting : (this.#early.get(request) ?? [])
    if (queue.length >= previewBuffer) {
      // Deltas must stay a prefix of the text: once one is dropped, so is the rest.
      this.#open.delete(id)
      this.#settled.add(id)
      return
    }
    queue.push(preview)
    if (queue === this.#waiting) this.#filled.resolve(undefined)
    else this.#early.set(request, queue)
  }

  /**
   * The reader is given an event of the log: its own previews end here, and with a request's end those of all of its events.
   * True when previews have waited for it, the beginning of their request.
   */
  see(event: StreamedEvent['event']): boolean {
    if (!('id' in event)) return false
    if (event.type === 'span.model_request_start') return this.#begin(event.id)
    this.#end(event.id, (id) => id === event.id)
    if (event.type === 'span.model_request_end') {
      const request = event.model_request_start_id
      this.#end(request, (id) => stepEvent.startOf(id) === request)
      this.#begun.delete(request)
      this.#early.delete(request)
    }
    return false
  }

  #begin(request: string): boolean {
    this.#begun.add(request)
    const early = this.#early.get(request)
    if (!early) return false
    this.#early.delete(request)
    this.#waiting.push(...early)
    this.#filled.resolve(undefined)
    return true
  }

  #end(settled: string, isOfIt: (id: string) => boolean): void {
    this.#settled.add(settled)
    if (this.#settled.size > 1000) this.#settled.delete(this.#settled.values().next().value!)
    for (const id of this.#open) if (isOfIt(id)) this.#open.delete(id)
    this.#waiting = this.#waiting.filter((preview) => !isOfIt(previewed(preview)))
  }

  filled(): Promise<undefined> {
    return this.#filled.promise
  }

  drain(): PreviewEvent[] {
    const ready = this.#waiting
    this.#waiting = []
    this.#filled = Promise.withResolvers()
    return ready
  }
}

const previewed = (preview: PreviewEvent) => (preview.type === 'event_start' ? preview.event.id : preview.event_id)
