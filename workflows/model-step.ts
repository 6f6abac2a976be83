import type { OpenToolUse } from '../protocol/contract.ts'
import { stepEvent } from '../protocol/ids.ts'
import { callModel, captureOutputs } from './activities.ts'
import { pauseAtBudget } from './budget.ts'
import { compactConversation } from './compaction.ts'
import { untilAnswered } from './model-request.ts'
import { announceNotices } from './notices.ts'
import type { SessionState } from './session-state.ts'
import { finishTurn, giveUp } from './turn.ts'

/** Asks the model for the next step of the turn and takes down what it wants done. */
export async function askModel(state: SessionState): Promise<void> {
  if (state.capped) return pauseAtBudget(state)
  if (state.nearWindow) return compactConversation(state)
  if (state.steps >= state.settings.maxStepsPerTurn) {
    const message = `the turn reached ${state.settings.maxStepsPerTurn} model requests`
    return giveUp(state, { type: 'tool_use_limit_reached_error', message })
  }
  const answered = await untilAnswered(state, callModel, (failure) => {
    // Seen too late: the next thing to do is a compaction, then the same request again.
    state.nearWindow = failure.tooLong === true
    return state.nearWindow
  })
  if (!answered) return
  const { base, reply: step } = answered
  state.spend(step)
  state.host = step.host ?? state.host
  await captureOutputs(state, step)
  if (step.interrupted) return
  announceNotices(state, step.notices)
  state.steps++
  state.nearWindow = step.nearWindow ?? false
  state.compactions = 0
  state.tools = step.tools.map((note): OpenToolUse => {
    const block = step.content[note.index]!
    return {
      id: stepEvent.block(base, note.index),
      name: note.mcpTool ?? String(block.name),
      ...(note.mcpServer !== undefined && { mcpServer: note.mcpServer }),
      input: block.input as Record<string, unknown>,
      kind: note.kind,
      permission: note.permission,
      state: (note.kind === 'custom' && !note.served) || note.permission === 'ask' ? 'wait' : 'run',
      attempts: 0,
      ...(note.served && { served: note.served }),
    }
  })
  if (step.stop_reason === 'refusal') return finishTurn(state, { type: 'refusal' }, step.stop_details ?? null)
  if (state.tools.length === 0) return finishTurn(state, { type: 'end_turn' })
  state.phase = 'tools'
}
