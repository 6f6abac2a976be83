import { type Cursor, formatCursor } from '../log/cursor.ts'
import type { LogItem } from '../log/projection.ts'
import type { PreviewEvent } from '../protocol/events.ts'
import { newId } from '../protocol/ids.ts'
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
    const items = await runtime.logs.get(row.id).followBatches({ after, signal: closing.signal })
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
      if (previews) for (const { event } of batch.value) previews.settle(event.id)
      yield streamed(batch.value)
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
 * Previews on their way to one reader. They travel beside the log, so they may come late: none may follow the event it
 * previews, and no delta comes without its start. Source: spec §8.4.
 */
class PreviewQueue {
  readonly #wanted: Set<string>
  #waiting: PreviewEvent[] = []
  /** Events that were announced to this reader and are not written yet. */
  readonly #open = new Set<string>()
  /** Newest events that are written. */
  readonly #settled = new Set<string>()
  #filled = Promise.withResolvers<undefined>()

  constructor(wanted: Set<string>) {
    this.#wanted = wanted
  }

  push(preview: PreviewEvent): void {
    if (preview.type === 'event_start') {
      const { id, type } = preview.event
      if (!this.#wanted.has(type) || this.#open.has(id) || this.#settled.has(id)) return
      this.#open.add(id)
    } else if (!this.#open.has(preview.event_id)) {
      return
    }
    if (this.#waiting.length >= previewBuffer) {
      // Deltas must stay a prefix of the text: once one is dropped, so is the rest.
      if (preview.type === 'event_delta') this.settle(preview.event_id)
      return
    }
    this.#waiting.push(preview)
    this.#filled.resolve(undefined)
  }

  /** The event is written: its previews end here. */
  settle(id: string): void {
    this.#open.delete(id)
    this.#settled.add(id)
    if (this.#settled.size > 1000) this.#settled.delete(this.#settled.values().next().value!)
    this.#waiting = this.#waiting.filter((preview) => preview.type !== 'event_delta' || preview.event_id !== id)
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
