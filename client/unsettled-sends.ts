import { createHash } from 'node:crypto'
import { status as Grpc } from '@grpc/grpc-js'
import { isGrpcServiceError } from '@temporalio/client'
import type { EventParams } from '../protocol/events.ts'
import type { Runtime } from './runtime.ts'

/** Sends that are remembered at once; the oldest is forgotten first, and its repetition is a new send. */
const most = 10_000

const known = new WeakMap<Runtime['connection'], UnsettledSends>()

/**
 * Sends without a key of which this process does not know whether Temporal took them, and the keys that their events' ids
 * were made from: whoever repeats one gets the same ids, and the session takes it once.
 */
export class UnsettledSends {
  readonly #keys = new Map<string, string[]>()

  static of({ connection }: Runtime): UnsettledSends {
    let sends = known.get(connection)
    if (!sends) {
      sends = new UnsettledSends()
      known.set(connection, sends)
    }
    return sends
  }

  keep(sessionId: string, events: EventParams[], key: string): void {
    const send = digestOf(sessionId, events)
    const keys = this.#keys.get(send) ?? []
    this.#keys.delete(send)
    this.#keys.set(send, [...keys, key])
    if (this.#keys.size > most) this.#keys.delete(this.#keys.keys().next().value!)
  }

  /** The key of a send that has not come through: it is the caller's now. */
  take(sessionId: string, events: EventParams[]): string | undefined {
    const send = digestOf(sessionId, events)
    const [key, ...others] = this.#keys.get(send) ?? []
    if (others.length > 0) this.#keys.set(send, others)
    else this.#keys.delete(send)
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
]

/** Whether a call of Temporal failed so that it may be done all the same. */
export const isUnsettled = (error: unknown): boolean =>
  isGrpcServiceError(error) && unknownOutcomes.includes(error.code)
