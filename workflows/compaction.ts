import { patched } from '@temporalio/workflow'
import { compact } from './activities.ts'
import { untilAnswered } from './model-request.ts'
import type { SessionState } from './session-state.ts'
import { giveUp } from './turn.ts'

/** Compactions in a row, without a reply of the model between them, after which the turn is given up. */
const limit = 3

/** Puts a summary in the place of the conversation so far; the request that it makes room for comes next. */
export async function compactConversation(state: SessionState): Promise<void> {
  if (state.compactions >= limit) {
    const message = `the conversation was compacted ${limit} times in a row and still does not fit into the model's window`
    // What does not fit now never will: kept, it would end every later turn here, without a request.
    const retracted = patched('the limit of compactions retracts')
    if (retracted) {
      state.nearWindow = false
      state.compactions = 0
    }
    return giveUp(state, { type: 'compaction_limit_reached_error', message }, { retracted })
  }
  const answered = await untilAnswered(state, compact)
  if (!answered) return
  const { reply } = answered
  state.spend(reply)
  state.transcriptFrom = reply.transcriptFrom
  state.nearWindow = false
  state.compactions++
}
