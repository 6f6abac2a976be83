import type Anthropic from '@anthropic-ai/sdk'
import { type ExitCode, exitCodes } from '../exit-codes.ts'
import type { StreamedEvent } from './stream.ts'

/** How a session stands when it has nothing to do any more. */
export interface Outcome {
  status: 'idle' | 'terminated' | 'deleted'
  stop_reason: IdleEvent['stop_reason'] | null
}

export type IdleEvent = Anthropic.Beta.Sessions.BetaManagedAgentsSessionStatusIdleEvent

/** Says when a session that is watched need not be watched any more. */
export interface Ending {
  /** The connection was made, for the first time or again. */
  opened?(): Promise<Outcome | undefined>
  /** The outcome, when the event is the last one to wait for. */
  see(event: StreamedEvent): Outcome | undefined | Promise<Outcome | undefined>
}

/** The outcome, when nothing comes behind the event. */
export function endOf({ type }: StreamedEvent): Outcome | undefined {
  if (type === 'session.status_terminated') return { status: 'terminated', stop_reason: null }
  return type === 'session.deleted' ? { status: 'deleted', stop_reason: null } : undefined
}

/**
 * Watches events until what was sent is dealt with and the session has nothing to do. Several turns may lie between: an
 * idle session whose messages wait is not done, unless it waits for an answer.
 */
export class Settled implements Ending {
  readonly #sent: () => string[]
  #open: Set<string> | undefined

  /** @param sent the ids, known when the first event comes */
  constructor(sent: () => string[]) {
    this.#sent = sent
  }

  see(event: StreamedEvent): Outcome | undefined {
    const ended = endOf(event)
    if (ended) return ended
    this.#open ??= new Set(this.#sent())
    if ('id' in event && 'processed_at' in event && event.processed_at !== null) this.#open.delete(event.id as string)
    if (event.type !== 'session.status_idle') return undefined
    const isBlocked = event.stop_reason.type === 'requires_action'
    return this.#open.size === 0 || isBlocked ? { status: 'idle', stop_reason: event.stop_reason } : undefined
  }
}

/** What the outcome means for a script. */
export function exitCodeOf({ status, stop_reason }: Outcome): ExitCode {
  // Without a reason it was never asked for anything.
  if (status === 'idle' && (stop_reason === null || stop_reason.type === 'end_turn')) return exitCodes.ok
  return stop_reason?.type === 'requires_action' ? exitCodes.answerNeeded : exitCodes.sessionFailed
}

/**
 * In words, why a turn did not end by itself; undefined when it did.
 * @param said by the events of the turn
 */
export function whyStopped(
  sessionId: string,
  outcome: Outcome,
  { error, details }: { error?: string | undefined; details?: IdleEvent['stop_details'] | undefined },
): string | undefined {
  const { status, stop_reason } = outcome
  if (status !== 'idle') return `session ${sessionId} is ${status}`
  switch (stop_reason?.type) {
    case undefined:
    case 'end_turn':
      return undefined
    case 'requires_action':
      return `session ${sessionId} waits for an answer: holdfast sessions allow ${sessionId} --all (or deny, or result)`
    case 'budget_reached':
      return `session ${sessionId} has reached its budget: holdfast sessions update ${sessionId} --budget <dollars>`
    case 'refusal':
      return `the model refused${details?.explanation ? `: ${details.explanation}` : ''} (refusal)`
    default:
      return `the turn of session ${sessionId} failed${error ? `: ${error}` : ''} (${stop_reason?.type})`
  }
}
