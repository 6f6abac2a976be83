import { condition, isCancellation } from '@temporalio/workflow'
import type { SessionNotice, Watcher } from '../protocol/contract.ts'
import { notify } from './activities.ts'
import type { SessionState } from './session-state.ts'
import { isAnswer } from './tool-step.ts'

/** Tells those who wait, once each, when the session has nothing to do. Never returns. */
export async function notifyWatchers(state: SessionState): Promise<never> {
  for (;;) {
    await condition(() => !state.sealing && state.watchers.length > 0 && isSettled(state))
    const { watchers, status } = state
    state.watchers = []
    state.notifying++
    const stands = { status: status as SessionNotice['status'], stopReason: state.memo().stopReason }
    await Promise.all(watchers.map((watcher) => tell(state, watcher, stands)))
    state.notifying--
  }
}

/** Everybody who waits has been told, or cannot be. */
export async function watchersAreTold(state: SessionState): Promise<void> {
  if (state.watchers.length > 0 || state.notifying > 0) {
    await condition(() => state.watchers.length === 0 && state.notifying === 0)
  }
}

export function watch(state: SessionState, watcher: Watcher): void {
  if (!state.watchers.some(({ id }) => id === watcher.id)) state.watchers.push(watcher)
}

async function tell(
  state: SessionState,
  watcher: Watcher,
  stands: Pick<SessionNotice, 'status' | 'stopReason'>,
): Promise<void> {
  try {
    await notify({ watcher, notice: { watch: watcher.id, sessionId: state.id, ...stands } })
  } catch (error) {
    if (isCancellation(error)) throw error
    // Who waits asks again after a while; a namespace that is gone is no matter of the session.
  }
}

/** Nothing runs, and nothing that waits would make it run. */
function isSettled({ status, phase, inbox, capped }: SessionState): boolean {
  if (status === 'terminated') return true
  if (status !== 'idle') return false
  if (phase === 'capped') return capped
  if (phase === 'blocked') return !inbox.hasInterrupt && !inbox.waiting.some(isAnswer)
  return phase === 'idle' && !inbox.hasInterrupt && (capped || !inbox.hasMessage)
}
