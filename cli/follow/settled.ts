import type Anthropic from '@anthropic-ai/sdk'
import { type ExitCode, exitCodes } from '../exit-codes.ts'
import type { StreamedEvent } from './stream.ts'

/** How a session stands when it has nothing to do any more. */
export interface Outcome {
  status: 'idle' | 'terminated' | 'deleted'
  stop_reason: Anthropic.Beta.Sessions.BetaManagedAgentsSessionStatusIdleEvent['stop_reason'] | null
}

/**
 * Watches events until what was sent is dealt with and the session has nothing to do. Several turns may lie between: an
 * idle session whose messages wait is not done, unless it waits for an answer.
 */
export class Settled {
  readonly #open: Set<string>

  constructor(sent: string[]) {
    this.#open = new Set(sent)
  }

  /** The outcome, when the event is the last one to wait for. */
  see(event: StreamedEvent): Outcome | undefined {
    if (event.type === 'session.status_terminated') return { status: 'terminated', stop_reason: null }
    if (event.type === 'session.deleted') return { status: 'deleted', stop_reason: null }
    if ('id' in event && 'processed_at' in event && event.processed_at !== null) this.#open.delete(event.id as string)
    if (event.type !== 'session.status_idle') return undefined
    const isBlocked = event.stop_reason.type === 'requires_action'
    return this.#open.size === 0 || isBlocked ? { status: 'idle', stop_reason: event.stop_reason } : undefined
  }
}

/** What the outcome means for a script. */
export function exitCodeOf({ stop_reason }: Outcome): ExitCode {
  if (stop_reason?.type === 'end_turn') return exitCodes.ok
  return stop_reason?.type === 'requires_action' ? exitCodes.answerNeeded : exitCodes.sessionFailed
}
