import type { PlainErrorType, StopDetails, StopReason } from '../protocol/events.ts'
import type { SessionState } from './session-state.ts'
import { closeTools } from './tool-step.ts'

/** Takes every message that is waiting: they are answered together. */
export function beginTurn(state: SessionState): void {
  const messages = state.inbox.take((event) => event.type === 'user.message' || event.type === 'system.message')
  state.phase = 'model'
  state.steps = 0
  state.noticed = []
  state.turn('work')
  state.announce({ processed: messages.map((event) => event.id), events: state.running() })
}

export function finishTurn(state: SessionState, reason: StopReason, details: StopDetails | null = null): void {
  // Only a reply that broke off has some: the calls that it began with.
  const results = closeTools(state, [], 'This call was not run: the reply that it is part of broke off.')
  state.phase = 'idle'
  state.turn('settle')
  state.announce({ events: [...results, ...state.idle(reason, details)] })
}

/**
 * Ends a turn that cannot go on. The messages that are waiting go with it: they stay in the log, unanswered. The session
 * takes the next message. Source: spec §7, §11.2.
 */
export function giveUp(
  state: SessionState,
  error: { type: PlainErrorType; message: string },
  { retracted = false }: { retracted?: boolean } = {},
): void {
  const dropped = state.inbox.take((event) => event.type === 'user.message' || event.type === 'system.message')
  state.phase = 'idle'
  state.tools = []
  state.turn(state.status === 'rescheduling' ? 'exhausted' : 'settle')
  state.announce({
    processed: dropped.map((event) => event.id),
    flushed: true,
    ...(retracted && { retracted }),
    events: [
      { type: 'session.error', error: { ...error, retry_status: { type: 'exhausted' } } },
      ...state.idle({ type: 'retries_exhausted' }),
    ],
  })
}

/**
 * Ends the turn after an error of this code itself, which Temporal would otherwise try again for ever. Nothing that could
 * wake it again with the same error is left; the session takes the next message.
 */
export function sealAfterBug(state: SessionState, error: unknown): void {
  const received = state.inbox.take(() => true)
  const results = closeTools(state, received, 'This call was not run: the turn that it is part of broke off.')
  const message = `the session's own code failed: ${error instanceof Error ? error.message : String(error)}`
  const wasActive = state.status === 'running' || state.status === 'rescheduling'
  state.phase = 'idle'
  state.nearWindow = false
  if (wasActive) state.turn(state.status === 'rescheduling' ? 'exhausted' : 'settle')
  state.announce({
    processed: received.map((event) => event.id),
    flushed: true,
    events: [
      ...results,
      { type: 'session.error', error: { type: 'unknown_error', message, retry_status: { type: 'exhausted' } } },
      ...(wasActive ? state.idle({ type: 'retries_exhausted' }) : []),
    ],
  })
}
