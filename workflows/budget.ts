import type { SessionState } from './session-state.ts'

/** Stops before a model request that the budget does not cover. Source: spec §14.3. */
export function pauseAtBudget(state: SessionState): void {
  state.phase = 'capped'
  state.turn('settle')
  state.announce({ events: state.idle({ type: 'budget_reached' }) })
}

/** Goes on with what was paused: the budget was raised or removed. */
export function resumeAfterBudget(state: SessionState): void {
  state.phase = 'model'
  state.turn('work')
  state.announce({ events: state.running() })
}
