import { condition, isCancellation } from '@temporalio/workflow'
import type { SessionNotice, Watcher } from '../protocol/contract.ts'
import { notify } from './activities.ts'
import type { SessionState } from './session-state.ts'
import { isAnswer } from './tool-step.ts'

/**
 * Tells those who wait, each by itself, when the session has nothing to do. Who waits counts until it is told, over a roll
 * over too: rather told twice than never. Never returns.
 */
export async function notifyWatchers(state: SessionState): Promise<never> {
  const toTell = () => state.watchers.filter((watcher) => !state.telling.has(watcher.id) && isSettled(state, watcher))
  for (;;) {
    await condition(() => !state.sealing && toTell().length > 0)
    for (const watcher of toTell()) void tell(state, watcher)
  }
}

/** Tells everybody who waits for a session that has ended; resolves when all have been told, or cannot be. */
export async function tellWatchers(state: SessionState): Promise<void> {
  for (const watcher of state.watchers) if (!state.telling.has(watcher.id)) void tell(state, watcher)
  if (state.watchers.length > 0) await condition(() => state.watchers.length === 0)
}

export function watch(state: SessionState, watcher: Watcher): void {
  if (!state.watchers.some(({ id }) => id === watcher.id)) state.watchers.push(watcher)
}

async function tell(state: SessionState, watcher: Watcher): Promise<void> {
  const { status, stopReason } = state.memo()
  const stands = { status: status as SessionNotice['status'], stopReason }
  state.telling.add(watcher.id)
  try {
    await notify({ watcher, notice: { watch: watcher.id, sessionId: state.id, ...stands } })
  } catch (error) {
    if (isCancellation(error)) return
    // It cannot be told: that is for good, and no matter of the session.
  }
  state.telling.delete(watcher.id)
  state.watchers = state.watchers.filter(({ id }) => id !== watcher.id)
}

/** Nothing runs, and nothing that waits would make it run. */
function isSettled({ status, phase, inbox, capped }: SessionState, { throughAnswers = false }: Watcher): boolean {
  if (status === 'terminated') return true
  if (status !== 'idle') return false
  if (phase === 'capped') return capped
  if (phase === 'blocked') return !throughAnswers && !inbox.hasInterrupt && !inbox.waiting.some(isAnswer)
  return phase === 'idle' && !inbox.hasInterrupt && (capped || !inbox.hasMessage)
}
