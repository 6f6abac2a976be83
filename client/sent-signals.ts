import type { Runtime } from './runtime.ts'

/** Signals, and bytes of them, after which a session's history is looked at. */
const many = { signals: 100, bytes: 1024 * 1024 }
/** Sessions that are counted at once; of one that is forgotten the count begins anew. */
const mostSessions = 10_000

const known = new WeakMap<Runtime['connection'], SentSignals>()

/** What this process has sent to each session since its history was last looked at. */
export class SentSignals {
  readonly #sent = new Map<string, { signals: number; bytes: number }>()

  static of({ connection }: Runtime): SentSignals {
    let sent = known.get(connection)
    if (!sent) {
      sent = new SentSignals()
      known.set(connection, sent)
    }
    return sent
  }

  add(sessionId: string, bytes: number): void {
    const { signals, bytes: before } = this.#sent.get(sessionId) ?? { signals: 0, bytes: 0 }
    // The one that nothing was sent to for longest comes first.
    this.#sent.delete(sessionId)
    this.#sent.set(sessionId, { signals: signals + 1, bytes: before + bytes })
    if (this.#sent.size > mostSessions) this.#sent.delete(this.#sent.keys().next().value!)
  }

  areMany(sessionId: string): boolean {
    const sent = this.#sent.get(sessionId)
    return sent !== undefined && (sent.signals >= many.signals || sent.bytes >= many.bytes)
  }

  forget(sessionId: string): void {
    this.#sent.delete(sessionId)
  }
}
