import {
  CancellationScope,
  ContinueAsNew,
  condition,
  defineSignal,
  isCancellation,
  patched,
  setHandler,
} from '@temporalio/workflow'
import { type Command, type Delivery, names, type SessionStart } from '../protocol/contract.ts'
import type { UserEvent } from '../protocol/events.ts'
import { resumeAfterBudget } from './budget.ts'
import { interruptTurn } from './interrupt.ts'
import { askModel } from './model-step.ts'
import { endSession, rollOver, rollOverIsDue } from './roll-over.ts'
import { SessionState } from './session-state.ts'
import { isAnswer, isAnswerOrNote, runTools, takeAnswers } from './tool-step.ts'
import { beginTurn, sealAfterBug } from './turn.ts'
import { announceUpdates } from './updates.ts'
import { notifyWatchers, watch } from './watchers.ts'
import { handOverWebhooks } from './webhook-events.ts'

const deliver = defineSignal<[Delivery]>(names.deliver)
const command = defineSignal<[Command]>(names.command)

/**
 * A durable agent session: one workflow for its whole life, however many runs that takes. Cancelled from outside it ends
 * there, as if it were terminated.
 */
export async function session(start: SessionStart): Promise<void> {
  // To the session's own code a cancellation is an interrupt, after which it goes on: one of the workflow must not reach it.
  const life = CancellationScope.nonCancellable(() => live(start))
  await Promise.race([life, CancellationScope.current().cancelRequested])
}

/** Returns when the session has ended. */
async function live(start: SessionStart): Promise<void> {
  const state = new SessionState(start)
  // Handlers only take down what came, so that the order of the history is the order of the log.
  setHandler(deliver, (delivery) => {
    state.handouts.note({ kind: 'delivered', events: delivery.events })
    state.inbox.receive(delivery)
    if (state.inbox.hasInterrupt) state.interrupt()
  })
  setHandler(command, (received) => {
    if (received.type === 'watch') return watch(state, received.watcher)
    state.commands.push(received)
    if (received.type === 'archive') state.interrupt()
  })
  void announceUpdates(state)
  void notifyWatchers(state)
  void handOverWebhooks(state)

  for (;;) {
    try {
      if (await step(state)) return
    } catch (error) {
      if (error instanceof ContinueAsNew || isCancellation(error)) throw error
      sealAfterBug(state, error)
    }
  }
}

/** Goes on from one phase to the next. True when the session has ended. */
async function step(state: SessionState): Promise<boolean> {
  const { inbox } = state
  if (state.archiving) {
    await endSession(state)
    return true
  }
  // Whoever interrupts does not wait until the run is sealed.
  if (inbox.hasInterrupt && (!rollOverIsDue(state) || patched('an interrupt goes before a seal'))) interruptTurn(state)
  // Between two steps no activity is open: the run may end here, also within a turn.
  if (rollOverIsDue(state)) await rollOver(state)
  if (inbox.hasInterrupt) interruptTurn(state)

  // What still came while the budget ran out waits for a larger one.
  const messageIsDue = () => inbox.hasMessage && !state.capped
  const until = (isTime: () => boolean) => condition(() => isTime() || state.archiving || rollOverIsDue(state))
  switch (state.phase) {
    case 'idle':
      await until(() => inbox.waiting.some(wakesBlocked) || messageIsDue())
      if (state.stopping) break
      // Before the messages: a system message that goes with a stray is no part of the turn.
      dropStrays(state)
      if (messageIsDue()) beginTurn(state)
      break
    case 'model':
      await askModel(state)
      break
    case 'tools':
      await runTools(state)
      break
    case 'blocked':
      await until(() => inbox.waiting.some(wakesBlocked))
      if (state.stopping) break
      if (inbox.waiting.some(isAnswer)) takeAnswers(state)
      break
    case 'capped':
      await until(() => !state.capped || inbox.hasInterrupt)
      if (!state.capped && !state.stopping) resumeAfterBudget(state)
      break
  }
  return false
}

const wakesBlocked = (event: UserEvent) => isAnswer(event) || event.type === 'user.interrupt'

/** Answers that nothing waits for any more: taken down, without effect. */
function dropStrays(state: SessionState): void {
  const strays = state.inbox.take(isAnswerOrNote)
  if (strays.length > 0) state.announce({ processed: strays.map((event) => event.id), flushed: true, events: [] })
}
