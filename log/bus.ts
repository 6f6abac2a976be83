import type { PreviewEvent } from '../protocol/events.ts'

/**
 * Carries previews from the worker that asks the model to the process that has the readers, and word of interrupts the
 * other way. Transient by design: what is lost here is in the log all the same a moment later.
 */
export interface Bus {
  /**
   * An interrupt is in the session's log: what a worker had begun for the session before it was sent will be stopped, and
   * can be stopped now.
   * @param sentAt on the clock of `monotonicMs`
   */
  interrupted(sessionId: string, sentAt: number): void
  publish(sessionId: string, preview: PreviewEvent): void
  /** Returns the function that ends the subscription. */
  subscribe(sessionId: string, listener: (preview: PreviewEvent) => void): () => void
}

/** The bus of a host, which tells the workers of it what is wanted of them. */
export interface HostBus extends Bus {
  /** Called when somebody begins to listen to a session, and when nobody does any more. */
  onInterest: ((sessionId: string, isWanted: boolean) => void) | undefined
  onInterrupted: Bus['interrupted'] | undefined
}

/** A clock that the processes of one machine share, in milliseconds. It is never set. */
export const monotonicMs = (): number => Number(process.hrtime.bigint()) / 1e6

/** For publishers and readers in one process. */
export class LocalBus implements HostBus {
  onInterest: HostBus['onInterest']
  onInterrupted: HostBus['onInterrupted']
  #listeners = new Map<string, Set<(preview: PreviewEvent) => void>>()

  interrupted(sessionId: string, sentAt: number): void {
    this.onInterrupted?.(sessionId, sentAt)
  }

  publish(sessionId: string, preview: PreviewEvent): void {
    for (const listener of this.#listeners.get(sessionId) ?? []) listener(preview)
  }

  subscribe(sessionId: string, listener: (preview: PreviewEvent) => void): () => void {
    const listeners = this.#listeners.get(sessionId) ?? new Set()
    this.#listeners.set(sessionId, listeners.add(listener))
    if (listeners.size === 1) this.onInterest?.(sessionId, true)
    return () => {
      if (!listeners.delete(listener) || listeners.size > 0) return
      this.#listeners.delete(sessionId)
      this.onInterest?.(sessionId, false)
    }
  }
}
