import type { SessionEvent } from '../protocol/events.ts'
import type { Blobs } from '../store/blobs.ts'
import { type Cursor, compareCursors } from './cursor.ts'
import { type LogItem, lateItems } from './projection.ts'
import { type RunView, viewOf } from './run-view.ts'
import type { SealedRuns } from './sealed-runs.ts'
import {
  readSegment,
  type Segment,
  SegmentDamaged,
  SegmentMissing,
  segmentKey,
  segmentKeys,
  writeSegment,
} from './segments.ts'
import { HistoryGone, type Tail } from './tail.ts'

/** A session that Temporal and the blobs know nothing of. */
export class SessionGone extends Error {
  override readonly name = 'SessionGone'
}

/** What `verify` found of a sealed run: written again from Temporal's history, or lost. */
export interface SegmentFault {
  run: number
  outcome: 'repaired' | 'lost'
  why: string
}

export interface FollowOptions {
  /** Begin behind this place. @default with what happens from now on */
  after?: Cursor
  signal?: AbortSignal
}

export interface ListOptions {
  order: 'asc' | 'desc'
  /** Go on behind this place, in the order of the list. */
  after?: Cursor
  /** Id of the last event that was shown while it waited; it and what came before it need not be shown again. */
  waiting?: string
}

/**
 * A session's log as readers see it: sealed segments, then the open run. Nobody above this can tell where the seam is.
 */
export class SessionLog {
  readonly id: string
  readonly tail: Tail
  readonly #blobs: Blobs
  readonly #sealedRuns: SealedRuns

  constructor(id: string, tail: Tail, blobs: Blobs, sealedRuns: SealedRuns) {
    this.id = id
    this.tail = tail
    this.#blobs = blobs
    this.#sealedRuns = sealedRuns
  }

  /**
   * Opens the log for following. When this resolves, everything that happens later will be seen.
   * Without `after` the items begin with what happens from now on; with it, behind that place.
   * @throws SessionGone
   */
  async follow(options: FollowOptions = {}): Promise<AsyncGenerator<LogItem, void>> {
    return oneByOne(await this.followBatches(options))
  }

  /** Like `follow`, with as many items at once as there are: what a thousand readers of one session can afford. */
  async followBatches(options: FollowOptions = {}): Promise<AsyncGenerator<readonly LogItem[], void>> {
    const release = this.tail.hold()
    try {
      const view = await this.#newest()
      // The generator's own code runs with its first use only: where it begins is settled here, and so is its end.
      options.signal?.addEventListener('abort', release, { once: true })
      if (options.signal?.aborted) release()
      return this.#follow(view, options.after ? 0 : view.items.length, options, release)
    } catch (error) {
      release()
      throw error
    }
  }

  /**
   * Holds on to no run that it has left, for each leads to all that came after it. So the parameters are plain: of those
   * that are taken apart a waiting generator would keep what it was given.
   */
  async *#follow(
    view: RunView | undefined,
    start: number,
    options: FollowOptions,
    release: () => void,
  ): AsyncGenerator<readonly LogItem[], void> {
    const { after, signal } = options
    const isBehind = ({ cursor }: LogItem) => !after || compareCursors(cursor, after) > 0
    try {
      if (after && view) yield* this.#between(after, view)
      let index = start
      for (; view; index = 0) {
        while (!signal?.aborted) {
          while (index < view.items.length) {
            const items = view.since(index)
            index = view.items.length
            const behind = isBehind(items[0]!) ? items : items.filter(isBehind)
            if (behind.length > 0) yield behind
          }
          if (view.next || view.closed || this.tail.gone) break
          await view.changed(signal)
        }
        if (signal?.aborted) return
        view = view.next
      }
    } finally {
      signal?.removeEventListener('abort', release)
      release()
    }
  }

  /** Everything between a place in an earlier run and the newest run. */
  async *#between(after: Cursor, newest: RunView): AsyncGenerator<LogItem[], void> {
    for (let run = after.run; run < newest.run; run++) {
      const { items } = viewOf(run, (await this.#segment(run)).facts)
      yield [...items, ...(await this.#lateOf(run, newest))].filter(({ cursor }) => compareCursors(cursor, after) > 0)
    }
  }

  /** Items of a run that lie behind its seal: the input of the run after it has them. */
  async #lateOf(run: number, newest: RunView): Promise<LogItem[]> {
    const segment = await this.#segment(run)
    const following =
      run + 1 === newest.run ? newest.started : viewOf(run + 1, (await this.#segment(run + 1)).facts).started
    return following ? lateItems(following.input, segment.sealedAt) : []
  }

  /**
   * Events in the order of the log, each once, without following; those still waiting come last. These have no place yet:
   * their cursor is the one that the log has reached.
   * @throws SessionGone
   */
  async *list({
    order,
    after,
    waiting: last,
  }: ListOptions): AsyncGenerator<{ cursor: Cursor; event: SessionEvent }, void> {
    const release = this.tail.hold()
    try {
      const newest = await this.#newest()
      // Both as they are now: what is processed meanwhile would be in both.
      const processed = newest.items.filter((item) => !item.received)
      const reached = processed.at(-1)?.cursor ?? { run: newest.run, event: 0, index: 0 }
      const waiting = newest.waiting.map((event) => ({ cursor: reached, event: event as SessionEvent }))
      // What waited when the page before was made, as far as it is not behind its last event.
      const before = after && last !== undefined ? await this.#receivedUpTo(last, after.run, newest) : undefined
      const isNext = ({ cursor, event }: { cursor: Cursor; event: SessionEvent }, isWaiting: boolean) => {
        if (!after) return true
        const isBehind = isWaiting || compareCursors(cursor, after) > 0
        if (order === 'asc') return isBehind && !before?.has(event.id)
        if (isBehind) return event.id !== last && (before?.has(event.id) ?? false)
        return before !== undefined || compareCursors(cursor, after) < 0
      }
      const runs = Array.from({ length: newest.run + 1 }, (_, run) => run)
      const parts = order === 'asc' ? [...runs, undefined] : [undefined, ...runs.reverse()]
      for (const run of parts) {
        // Whole runs before the place need not be read.
        if (after && run !== undefined && (order === 'asc' ? run < after.run : run > after.run && !before)) continue
        const sealed = run === undefined || run === newest.run ? undefined : await this.#itemsOf(run, newest)
        const items = run === undefined ? waiting : (sealed?.filter((item) => !item.received) ?? processed)
        for (const item of order === 'asc' ? items : items.toReversed()) {
          if (isNext(item, run === undefined)) yield item
        }
      }
    } finally {
      release()
    }
  }

  /** The events received up to this one, without those that were processed before a run; none when it is not among them. */
  async #receivedUpTo(id: string, from: number, newest: RunView): Promise<Set<string>> {
    const ids = new Set<string>()
    for (let run = from; run <= newest.run; run++) {
      const view = run === newest.run ? newest : viewOf(run, (await this.#segment(run)).facts)
      const carried = view.started?.input.carried?.inbox ?? []
      for (const event of [...carried, ...view.items.filter(({ received }) => received).map(({ event }) => event)]) {
        ids.add(event.id)
        if (event.id === id) return ids
      }
    }
    return new Set()
  }

  async #itemsOf(run: number, newest: RunView): Promise<LogItem[]> {
    return run === newest.run ? newest.items : viewOf(run, (await this.#segment(run)).facts).items
  }

  /**
   * The newest run, complete up to now. A session that Temporal has forgotten is read from its last segment.
   * @throws SessionGone
   */
  async newest(): Promise<RunView> {
    const release = this.tail.hold()
    try {
      return await this.#newest()
    } finally {
      release()
    }
  }

  async #newest(): Promise<RunView> {
    try {
      return await this.tail.catchUp()
    } catch (error) {
      if (!(error instanceof HistoryGone)) throw error
      const last = await this.lastSegment()
      if (!last) throw new SessionGone(this.id, { cause: error })
      const view = viewOf(last.run, last.facts)
      view.closed = true
      return view
    }
  }

  /** Which of these events are processed, looked for from the newest run back. */
  async processedOf(ids: Iterable<string>): Promise<Set<string>> {
    const newest = await this.newest()
    const wanted = new Set(ids)
    const found = new Set<string>()
    for (const waiting of newest.waiting) wanted.delete(waiting.id)
    for (let run = newest.run; run >= 0 && found.size < wanted.size; run--) {
      for (const { event, received } of await this.#itemsOf(run, newest)) {
        if (!received && wanted.has(event.id)) found.add(event.id)
      }
    }
    return found
  }

  /** The segment of the newest sealed run, undefined when no run was sealed. */
  async lastSegment(): Promise<Segment | undefined> {
    const last = await this.#lastWritten()
    return last === undefined ? undefined : this.#segment(last)
  }

  async #lastWritten(): Promise<number | undefined> {
    let last: string | undefined
    for await (const key of this.#blobs.list(segmentKeys(this.id))) last = key
    return last === undefined ? undefined : Number(last.split('/').at(-1))
  }

  /** The facts of every run from `from` on up to (not including) `before`, for a transcript. */
  async *sealedFacts(from: number, before: number): AsyncGenerator<RunView, void> {
    for (let run = from; run < before; run++) yield viewOf(run, (await this.#segment(run)).facts)
  }

  /** Reads every sealed run and tells which were damaged or missing; what Temporal still has is written again. */
  async *verify(): AsyncGenerator<SegmentFault, void> {
    const runs = await this.#sealedCount()
    for (let run = 0; run < runs; run++) {
      const fault = await this.#faultOf(run)
      if (!fault) continue
      const outcome = (await this.#repair(run)) ? 'repaired' : 'lost'
      yield { run, outcome, why: fault.message }
    }
  }

  async #sealedCount(): Promise<number> {
    const release = this.tail.hold()
    try {
      const newest = await this.tail.catchUp()
      const endedByItself = newest.closed && newest.sealedAt !== undefined
      return endedByItself ? newest.run + 1 : newest.run
    } catch (error) {
      if (!(error instanceof HistoryGone)) throw error
      return ((await this.#lastWritten()) ?? -1) + 1
    } finally {
      release()
    }
  }

  async #faultOf(run: number): Promise<Error | undefined> {
    try {
      return (await readSegment(this.#blobs, this.id, run)) ? undefined : new SegmentMissing(this.id, run)
    } catch (error) {
      if (error instanceof SegmentDamaged) return error
      throw error
    }
  }

  /** @throws SegmentMissing, SegmentDamaged when Temporal does not have the run any more */
  async #segment(run: number): Promise<Segment> {
    let fault: Error
    try {
      const segment = await readSegment(this.#blobs, this.id, run)
      if (segment) return segment
      fault = new SegmentMissing(this.id, run)
    } catch (error) {
      if (!(error instanceof SegmentDamaged)) throw error
      fault = error
    }
    const repaired = await this.#repair(run)
    if (!repaired) throw fault
    console.error(`${fault.message}: it was written again from Temporal's history`)
    return repaired
  }

  async #repair(run: number): Promise<Segment | undefined> {
    const segment = await this.#sealedRuns.segment(run)
    if (!segment) return undefined
    await writeSegment(this.#blobs, segment)
    if (await this.#sealedRuns.exist()) return segment
    // Erased meanwhile, runs before blobs: nothing of it may come back.
    await this.#blobs.delete(segmentKey(this.id, run))
    return undefined
  }
}

async function* oneByOne<Item>(batches: AsyncGenerator<readonly Item[], void>): AsyncGenerator<Item, void> {
  for await (const batch of batches) yield* batch
}
