/** Places in a session's work at which a fault may strike, as they are seen from outside. */
export const moments = [
  /** A client is about to create a session, to send events, to archive a session. */
  'create',
  'send',
  'archive',
  /** The model's server has the request; is in the middle of the reply; has sent its last byte. */
  'model-requested',
  'model-streaming',
  'model-answered',
  /** The ledger has the call; its command wrote its first line; its result is in the ledger, not yet in the log. */
  'tool-accepted',
  'tool-running',
  'tool-finished',
  /** A run's segment is being written: the session is about to roll over or to end. */
  'seal',
] as const
export type Moment = (typeof moments)[number]

type Listener = (session: string) => void

/** Where those who see a moment tell of it, and those wait who strike at one. */
export class Moments {
  readonly #listeners = new Map<Moment, Set<Listener>>()

  /** Called synchronously: what is struck here is struck before the one who tells goes on. */
  tell(moment: Moment, session: string): void {
    for (const listener of [...(this.#listeners.get(moment) ?? [])]) listener(session)
  }

  /** The name of the next session that is there; undefined when none comes in time. */
  next(moment: Moment, patienceMs: number): Promise<string | undefined> {
    const listeners = this.#listeners.get(moment) ?? new Set()
    this.#listeners.set(moment, listeners)
    return new Promise((resolve) => {
      const settle = (session?: string) => {
        clearTimeout(timer)
        listeners.delete(settle)
        resolve(session)
      }
      const timer = setTimeout(settle, patienceMs)
      listeners.add(settle)
    })
  }
}
