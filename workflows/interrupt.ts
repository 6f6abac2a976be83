import type { SessionState } from './session-state.ts'
import { closeTools, isAnswerOrNote } from './tool-step.ts'

const interrupted = 'Execution was interrupted by the user before this call completed. Try again if it is still needed.'

/**
 * Ends the turn for an interrupt: every open tool use gets its result, the session is idle. Messages that were waiting
 * stay and make the next turn. On a session that is idle without open calls, or paused at its budget, it only is taken
 * down. Source: spec §8.1.8, §10.5.
 */
export function interruptTurn(state: SessionState): void {
  const taken = state.inbox.take(
    (event, index, waiting) => event.type === 'user.interrupt' || isAnswerOrNote(event, index, waiting),
  )
  const processed = taken.map((event) => event.id)
  if (state.phase === 'idle' || state.phase === 'capped') {
    state.announce({ processed, flushed: true, events: [] })
    return
  }
  const results = closeTools(state, taken, interrupted)
  state.phase = 'idle'
  if (state.status === 'rescheduling') state.turn('interrupt')
  else if (state.status === 'running') state.turn('settle')
  state.announce({ processed, events: [...results, ...state.idle({ type: 'end_turn' })] })
}
