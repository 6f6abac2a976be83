import type { SessionState } from './session-state.ts'
import { resultOf } from './tool-result.ts'
import { isAnswer } from './tool-step.ts'

/**
 * Ends the turn for an interrupt: every open tool use gets its result, the session is idle. Messages that were waiting
 * stay and make the next turn. On an idle session it only is taken down. Source: spec §10.5.
 */
export function interruptTurn(state: SessionState): void {
  const taken = state.inbox.take((event) => event.type === 'user.interrupt' || isAnswer(event))
  const processed = taken.map((event) => event.id)
  if (state.phase === 'idle') return state.announce({ processed, events: [] })
  const open = state.tools.filter((tool) => tool.state !== 'done')
  const results = open.map((tool) =>
    resultOf(tool, 'Execution was interrupted by the user before this call completed. Try again if it is still needed.'),
  )
  state.phase = 'idle'
  state.tools = []
  if (state.status === 'rescheduling') state.turn('interrupt')
  else if (state.status === 'running') state.turn('settle')
  state.announce({ processed, events: [...results, ...state.idle({ type: 'end_turn' })] })
}
