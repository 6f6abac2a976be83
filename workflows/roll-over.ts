import { isCancellation, makeContinueAsNewFunc, workflowInfo } from '@temporalio/workflow'
import { names, type SessionStart } from '../protocol/contract.ts'
import { closeContainer, sealRun } from './activities.ts'
import type { session } from './session.ts'
import type { SessionState } from './session-state.ts'
import { closeTools } from './tool-step.ts'
import { tellWatchers } from './watchers.ts'
import { webhooksAreHandedOver } from './webhook-events.ts'

/** Long histories make cold workers slow: past the threshold the run goes on as a new one. */
export function rollOverIsDue(state: SessionState): boolean {
  const { historyLength, continueAsNewSuggested } = workflowInfo()
  const due = historyLength >= state.settings.rollOverEvents || continueAsNewSuggested
  return due && historyLength >= state.rollOverNotBefore
}

/** History events after which a roll over that failed is tried again. */
const postponement = 500
/** How long the sealing of a run may hold up its session. */
const sealPatience = '30s'

/**
 * Seals the run and goes on as the next one. Returns only when the run could not be sealed (the blobs take nothing): then
 * this run goes on, which is slow and works, and tries again later.
 */
export async function rollOver(state: SessionState): Promise<void> {
  state.sealing = true
  // What arrives from here on is in no segment: the next run's input says so.
  state.inbox.sealed = state.inbox.waiting.length
  try {
    await sealRun({ run: state.run }, sealPatience)
  } catch (error) {
    if (isCancellation(error)) throw error
    state.sealing = false
    state.inbox.sealed = undefined
    state.rollOverNotBefore = workflowInfo().historyLength + postponement
    return
  }
  state.handouts.last()
  const { agentName, settings, revision } = state
  const start: SessionStart = { run: state.run + 1, agentName, settings, revision, carried: state.carry() }
  await makeContinueAsNewFunc<typeof session>({
    workflowType: names.workflow,
    memo: { [names.state]: { ...state.memo(), run: state.run + 1 } },
  })(start)
}

/** Ends an archived session: its log is sealed whole, its container stopped. */
export async function endSession(state: SessionState): Promise<void> {
  if (state.status !== 'terminated') state.turn('archive')
  // Who begins to wait while the last segment is written is told too: nobody would be there to tell it later.
  const isOpen = () => state.inbox.waiting.length > 0 || state.watchers.length > 0
  for (let first = true; first || isOpen(); first = false) {
    // What was still accepted has its place in the log, though nobody answers it any more.
    const received = state.inbox.take(() => true)
    const results = closeTools(state, received, 'The session was archived before this call completed.')
    const processed = received.map((event) => event.id)
    if (first || received.length > 0) {
      state.announce({ processed, flushed: true, events: first ? [...results, ...state.terminated()] : [] })
    }
    if (first) await closeContainer(state)
    await tellWatchers(state)
    if (first) await webhooksAreHandedOver(state)
    if (!first && received.length === 0) continue
    state.sealing = true
    await sealRun({ run: state.run, final: state.memo() })
  }
}
