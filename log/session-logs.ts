import type { Blobs } from '../store/blobs.ts'
import { SealedRuns } from './sealed-runs.ts'
import { SessionLog } from './session-log.ts'
import { type HistorySource, Tail } from './tail.ts'
import { TaskTimes } from './task-pace.ts'

/** Every log of a process: readers of one session share one tail. Keeps the newest ones when nobody reads them. */
export class SessionLogs {
  readonly #source: HistorySource
  readonly #blobs: Blobs
  readonly #capacity: number
  readonly #lingerMs: number
  readonly #taskTimes = new TaskTimes()
  readonly #logs = new Map<string, SessionLog>()

  /**
   * @param options.capacity how many logs are kept in memory; those being read are always kept
   * @param options.lingerMs how long a log is still followed when nobody reads it any more
   */
  constructor(source: HistorySource, blobs: Blobs, { capacity = 200, lingerMs = 1000 } = {}) {
    this.#source = source
    this.#blobs = blobs
    this.#capacity = capacity
    this.#lingerMs = lingerMs
  }

  get(sessionId: string): SessionLog {
    const known = this.#logs.get(sessionId)
    this.#logs.delete(sessionId)
    const log = known && !known.tail.gone ? known : this.#open(sessionId)
    // Newest last, so that the first ones are the longest unused.
    this.#logs.set(sessionId, log)
    for (const [id, { tail }] of this.#logs) {
      if (this.#logs.size <= this.#capacity) break
      if (!tail.held && id !== sessionId) this.#logs.delete(id)
    }
    return log
  }

  #open(sessionId: string): SessionLog {
    const tail = new Tail(this.#source, sessionId, { lingerMs: this.#lingerMs, taskTimes: this.#taskTimes })
    return new SessionLog(sessionId, tail, this.#blobs, new SealedRuns(this.#source, sessionId))
  }

  /** Ends every tail and the connection that they read by. */
  async close(): Promise<void> {
    await Promise.all([...this.#logs.values()].map((log) => log.tail.end()))
    await this.#source.connection.close()
  }
}
