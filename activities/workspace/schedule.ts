import { TooMuch } from './listing.ts'

export interface Pace {
  /** Milliseconds from a touch to the work; another touch puts it off. */
  quietMs: number
  /** Milliseconds that touches can put it off. */
  longestMs: number
}

/** Of the time that passes, the share that work for one session may take: large files are saved less often. */
const share = 0.05
/** Milliseconds to the next look when something had changed, and the most to which it grows. */
const firstLookMs = 30_000
const lastLookMs = 30 * 60_000

interface Watched {
  touchedAt: number
  /** The first touch that no work has followed yet. */
  since: number | undefined
  timer: NodeJS.Timeout | undefined
  /** When the work may begin, milliseconds since the epoch. */
  notBefore: number
  lookMs: number
  complained: string
}

/**
 * When sessions' files are saved: after a call, when it is quiet or has not been for long, then again ever more rarely
 * until nothing has changed: processes may be at work in the background. One session at a time.
 */
export class Schedule {
  readonly #pace: Pace
  readonly #work: (sessionId: string, signal: AbortSignal) => Promise<boolean>
  readonly #watched = new Map<string, Watched>()
  readonly #ended = new AbortController()
  #last: Promise<void> = Promise.resolve()

  /** @param work says whether something had changed */
  constructor(pace: Pace, work: (sessionId: string, signal: AbortSignal) => Promise<boolean>) {
    this.#pace = pace
    this.#work = work
  }

  touch(sessionId: string): void {
    if (this.#ended.signal.aborted) return
    const now = Date.now()
    const watched: Watched = this.#watched.get(sessionId) ?? {
      touchedAt: now,
      since: undefined,
      timer: undefined,
      notBefore: 0,
      lookMs: firstLookMs,
      complained: '',
    }
    this.#watched.set(sessionId, watched)
    watched.touchedAt = now
    watched.since ??= now
    watched.lookMs = firstLookMs
    const due = Math.min(now + this.#pace.quietMs, watched.since + this.#pace.longestMs)
    this.#set(sessionId, watched, Math.max(due, watched.notBefore) - now)
  }

  forget(sessionId: string): void {
    clearTimeout(this.#watched.get(sessionId)?.timer)
    this.#watched.delete(sessionId)
  }

  /** Ends what is at work. */
  async close(): Promise<void> {
    for (const sessionId of [...this.#watched.keys()]) this.forget(sessionId)
    this.#ended.abort()
    await this.#last
  }

  #set(sessionId: string, watched: Watched, ms: number): void {
    clearTimeout(watched.timer)
    watched.timer = setTimeout(() => {
      this.#last = this.#last.then(() => this.#run(sessionId, watched))
    }, ms).unref()
  }

  async #run(sessionId: string, watched: Watched): Promise<void> {
    if (this.#watched.get(sessionId) !== watched) return
    const begun = Date.now()
    watched.since = undefined
    let again = true
    try {
      again = await this.#work(sessionId, this.#ended.signal)
      watched.complained = ''
    } catch (error) {
      const complaint = error instanceof TooMuch ? `are not saved: ${error.message}` : `could not be saved: ${error}`
      const isNew = complaint !== watched.complained && !this.#ended.signal.aborted
      if (isNew) console.error(`the files of ${sessionId} ${complaint}`)
      watched.complained = complaint
    }
    if (this.#watched.get(sessionId) !== watched) return
    const now = Date.now()
    watched.notBefore = now + (now - begun) / share
    // Touched meanwhile: the time for that is set.
    if (watched.touchedAt > begun) return
    if (!again) {
      watched.timer = setTimeout(() => this.forget(sessionId), watched.notBefore - now).unref()
      return
    }
    this.#set(sessionId, watched, watched.lookMs)
    watched.lookMs = Math.min(watched.lookMs * 2, lastLookMs)
  }
}
