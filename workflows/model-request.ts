import { isCancellation, patched, sleep, uuid4 } from '@temporalio/workflow'
import type { ModelFailure } from '../protocol/contract.ts'
import { idBody } from '../protocol/ids.ts'
import { captureOutputs } from './activities.ts'
import { type Failure, judge } from './failures.ts'
import type { SessionState } from './session-state.ts'
import { giveUp } from './turn.ts'

/** How often one request may cost its worker's life before the turn is ended: it may be the cause. */
const livesPerStep = 3

export interface Answered<T> {
  /** Names the request and the events of its reply. */
  base: string
  reply: T
}

/**
 * Repeats a model request while its failures are of the passing kind; this loop is the status `rescheduling`. Undefined
 * when an interrupt came, when the turn was given up, or when `takesOver` dealt with the failure.
 */
export async function untilAnswered<T>(
  state: SessionState,
  request: (state: SessionState, base: string) => Promise<T>,
  takesOver: (failure: ModelFailure) => boolean = () => false,
): Promise<Answered<T> | undefined> {
  let lost = 0
  for (let attempt = 1; ; attempt++) {
    const base = idBody(uuid4())
    try {
      return { base, reply: await state.interruptible(() => request(state, base)) }
    } catch (error) {
      // A request that was to be cancelled can still fail otherwise, of a lost worker say: no retry either.
      const stops = isCancellation(error) || state.stopping
      const judged = judge(error)
      const failure = asModelFailure(judged)
      const { usage, cost, host } = failure
      // A worker of the version before forgot what a request had cost that was stopped, and where its container is.
      if (!stops || ((usage || host) && patched('what was stopped counts'))) {
        state.host ??= host
        if (usage) state.spend({ usage, ...(cost !== undefined && { cost }) })
      }
      if (stops) return undefined
      if (takesOver(failure)) return undefined
      if (judged.kind === 'lost') lost++
      if (!failure.transient || attempt >= state.settings.modelAttempts || lost >= livesPerStep) {
        await captureOutputs(state, failure)
        // What the API refuses once it refuses always: with these messages or results every later turn would end like this one.
        const retracted = failure.refused === true
        if (retracted && state.steps === 0) state.nearWindow = false
        giveUp(state, { type: failure.error, message: failure.message }, { retracted })
        return undefined
      }
      // The budget is looked at before each request, also before one that is repeated.
      if (usage && state.capped) return undefined
      if (!(await waitForRetry(state, failure, attempt))) return undefined
    }
  }
}

function asModelFailure(judged: Failure): ModelFailure {
  if (judged.kind === 'model') return judged.failure
  // A worker that is gone is no fault of the model's: the next attempt need not wait.
  const retryAfterMs = judged.kind === 'lost' || judged.kind === 'stopped' ? 0 : undefined
  return { error: 'unknown_error', message: judged.message, transient: true, retryAfterMs }
}

/** Announces the failure, waits, announces the return. False when an interrupt ended the wait. */
async function waitForRetry(state: SessionState, failure: ModelFailure, attempt: number): Promise<boolean> {
  const error = { type: failure.error, message: failure.message, retry_status: { type: 'retrying' as const } }
  const failed = [{ type: 'session.error' as const, error }, ...state.rescheduled()]
  const { retryInitialMs, retryMaximumMs } = state.settings
  // Equal jitter, so that sessions that failed together do not come back together.
  const backoff = Math.min(retryMaximumMs, retryInitialMs * 2 ** (attempt - 1)) * (0.5 + Math.random() / 2)
  const delay = failure.retryAfterMs ?? backoff
  state.turn('transientError')
  if (delay > 0) {
    state.announce({ events: failed })
    try {
      await state.interruptible(() => sleep(delay))
    } catch (error) {
      if (isCancellation(error)) return false
      throw error
    }
  }
  state.turn('retry')
  state.announce({ events: delay > 0 ? state.running() : [...failed, ...state.running()] })
  return true
}
