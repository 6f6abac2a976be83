import { createHash } from 'node:crypto'
import { status as Grpc } from '@grpc/grpc-js'
import { isGrpcServiceError } from '@temporalio/client'
import type { EventParams } from '../protocol/events.ts'
import type { Runtime } from './runtime.ts'

/** Sends that are remembered at once; the oldest is forgotten first, and its repetition is a new send. */
const most = 10_000
/** How long each is remembered, milliseconds. The official SDKs repeat what fails within a minute. */
const lifeMs = 5 * 60_000

const known = new WeakMap<Runtime['connection'], UnsettledSends>()

/**
 * Sends without a key of which this process does not know whether Temporal took them, and the keys that their events' ids
 * were made from: whoever repeats one gets the same ids, and the session takes it once.
 */
export class UnsettledSends {
  /** By key, the oldest first. */
  readonly #sends = new Map<string, { send: string; keptAt: number }>()
  readonly #now: () => number

  /** @param now milliseconds on a clock that is never set */
  constructor(now = () => performance.now()) {
    this.#now = now
  }

  static of({ connection }: Runtime): UnsettledSends {
    let sends = known.get(connection)
    if (!sends) {
      sends = new UnsettledSends()
      known.set(connection, sends)
    }
    return sends
  }

  keep(sessionId: string, events: EventParams[], key: string): void {
    this.#sends.set(key, { send: digestOf(sessionId, events), keptAt: this.#now() })
    if (this.#sends.size > most) this.#sends.delete(this.#sends.keys().next().value!)
  }

  /**
   * The key of a send that has not come through: it is the caller's now. Of several the newest: those before may be of
   * callers who gave up, and who say the same anew do not repeat them.
   */
  take(sessionId: string, events: EventParams[]): string | undefined {
    const send = digestOf(sessionId, events)
    const oldest = this.#now() - lifeMs
    const [key] = [...this.#sends].findLast(([, kept]) => kept.send === send && kept.keptAt >= oldest) ?? []
    if (key !== undefined) this.#sends.delete(key)
    return key
  }
}

function digestOf(sessionId: string, events: EventParams[]): string {
  return createHash('sha256')
    .update(JSON.stringify([sessionId, events]))
    .digest('base64')
}

const unknownOutcomes = [
  Grpc.CANCELLED,
  Grpc.UNKNOWN,
  Grpc.DEADLINE_EXCEEDED,
  Grpc.ABORTED,
  Grpc.INTERNAL,
  Grpc.UNAVAILABLE,
  // The connection repeats a call by itself: what the last attempt says is not true of those before.
  Grpc.RESOURCE_EXHAUSTED,
]

/** Whether a call of Temporal failed so that it may be done all the same. */
export const isUnsettled = (error: unknown): boolean =>
  isGrpcServiceError(error) && unknownOutcomes.includes(error.code)
