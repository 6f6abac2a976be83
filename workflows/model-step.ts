import { isCancellation, sleep, uuid4 } from '@temporalio/workflow'
import type { ModelFailure, ModelStep, OpenToolUse } from '../protocol/contract.ts'
import { idBody, stepEvent } from '../protocol/ids.ts'
import { addUsage } from '../protocol/usage.ts'
import { callModel } from './activities.ts'
import { type Failure, judge } from './failures.ts'
import type { SessionState } from './session-state.ts'
import { finishTurn, giveUp } from './turn.ts'

/** How often one request may cost its worker's life before the turn is ended: it may be the cause. */
const livesPerStep = 3

/** Asks the model for the next step of the turn and takes down what it wants done. */
export async function askModel(state: SessionState): Promise<void> {
  if (state.steps >= state.settings.maxStepsPerTurn) {
    const message = `the turn reached ${state.settings.maxStepsPerTurn} model requests`
    return giveUp(state, { type: 'tool_use_limit_reached_error', message })
  }
  const reply = await untilAnswered(state)
  if (!reply) return
  const { base, step } = reply
  state.steps++
  state.usage = addUsage(state.usage, step.usage)
  state.host = step.host ?? state.host
  if (step.interrupted) return
  state.tools = step.tools.map((note): OpenToolUse => {
    const block = step.content[note.index]!
    return {
      id: stepEvent.block(base, note.index),
      name: String(block.name),
      input: block.input as Record<string, unknown>,
      kind: note.kind,
      permission: note.permission,
      state: note.kind === 'custom' || note.permission === 'ask' ? 'wait' : 'run',
      attempts: 0,
    }
  })
  if (step.stop_reason === 'refusal') return finishTurn(state, { type: 'refusal' }, step.stop_details ?? null)
  if (state.tools.length === 0) return finishTurn(state, { type: 'end_turn' })
  state.phase = 'tools'
}

/**
 * Repeats the request while its failures are of the passing kind; this loop is the status `rescheduling`. Undefined when
 * an interrupt came or the turn was given up.
 */
async function untilAnswered(state: SessionState): Promise<{ base: string; step: ModelStep } | undefined> {
  let lost = 0
  for (let attempt = 1; ; attempt++) {
    const base = idBody(uuid4())
    try {
      return { base, step: await state.interruptible(() => callModel(state, base)) }
    } catch (error) {
      // A request that was to be cancelled can still fail otherwise, of a lost worker say: no retry either.
      if (isCancellation(error) || state.stopping) return undefined
      const judged = judge(error)
      const failure = asModelFailure(judged)
      if (judged.kind === 'lost') lost++
      if (!failure.transient || attempt >= state.settings.modelAttempts || lost >= livesPerStep) {
        // What the API refuses once it refuses always: with these messages every later turn would end like this one.
        const retracted = failure.refused === true && state.steps === 0
        giveUp(state, { type: failure.error, message: failure.message }, { retracted })
        return undefined
      }
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
