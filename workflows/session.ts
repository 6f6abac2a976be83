import { condition, defineSignal, setHandler } from '@temporalio/workflow'
import { type Command, type Delivery, names, type SessionStart } from '../protocol/contract.ts'
import type { UserEvent } from '../protocol/events.ts'
import { interruptTurn } from './interrupt.ts'
import { askModel } from './model-step.ts'
import { endSession, rollOver, rollOverIsDue } from './roll-over.ts'
import { SessionState } from './session-state.ts'
import { isAnswer, isAnswerOrNote, runTools, takeAnswers } from './tool-step.ts'
import { beginTurn } from './turn.ts'
import { announceUpdates } from './updates.ts'

const deliver = defineSignal<[Delivery]>(names.deliver)
const command = defineSignal<[Command]>(names.command)

/** A durable agent session: one workflow for its whole life, however many runs that takes. */
export async function session(start: SessionStart): Promise<void> {
  const state = new SessionState(start)
  // Handlers only take down what came, so that the order of the history is the order of the log.
  setHandler(deliver, (delivery) => {
    state.inbox.receive(delivery)
    if (state.inbox.hasInterrupt) state.interrupt()
  })
  setHandler(command, (received) => {
    state.commands.push(received)
    if (received.type === 'archive') state.interrupt()
  })
  void announceUpdates(state)

  for (;;) {
    if (state.archiving) return endSession(state)
    // Between two steps no activity is open: the run may end here, also within a turn.
    if (rollOverIsDue(state)) await rollOver(state)
    if (state.inbox.hasInterrupt) interruptTurn(state)

    switch (state.phase) {
      case 'idle':
        await condition(() => state.inbox.waiting.some(wakesIdle) || state.archiving || rollOverIsDue(state))
        if (state.inbox.hasInterrupt || state.archiving) break
        // Before the messages: a system message that goes with a stray is no part of the turn.
        dropStrays(state)
        if (state.inbox.hasMessage) beginTurn(state)
        break
      case 'model':
        await askModel(state)
        break
      case 'tools':
        await runTools(state)
        break
      case 'blocked':
        await condition(() => state.inbox.waiting.some(wakesBlocked) || state.archiving || rollOverIsDue(state))
        if (state.inbox.hasInterrupt || state.archiving) break
        if (state.inbox.waiting.some(isAnswer)) takeAnswers(state)
        break
    }
  }
}

const wakesIdle = (event: UserEvent) => event.type === 'user.message' || wakesBlocked(event)
const wakesBlocked = (event: UserEvent) => isAnswer(event) || event.type === 'user.interrupt'

/** Answers that nothing waits for any more: taken down, without effect. */
function dropStrays(state: SessionState): void {
  const strays = state.inbox.take(isAnswerOrNote)
  if (strays.length > 0) state.announce({ processed: strays.map((event) => event.id), flushed: true, events: [] })
}
