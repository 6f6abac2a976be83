import type { SessionLog } from '../log/session-log.ts'
import type { SessionEvent, StopReason } from '../protocol/events.ts'

/** What became of a message. */
export interface TurnOutcome {
  /** Text of the agent's last message in the turn that took it; empty when there is none. */
  answer: string
  /** How that turn ended, or why it pauses; null while it runs, and when the session ended under it. */
  stopReason: StopReason | null
}

/**
 * What became of a message, also when the session has gone on since: who repeats a call after a crash gets the answer to
 * that call. Undefined when the log does not have the message.
 */
export async function turnOutcome(log: SessionLog, eventId: string): Promise<TurnOutcome | undefined> {
  let stopReason: StopReason | null = null
  let answer: string | undefined
  for await (const { event } of log.list({ order: 'desc' })) {
    // The thread's: the session's says, of a turn that ended with the budget's last cent, that it takes no more.
    if (event.type === 'session.thread_status_idle' && (stopReason === null || !pauses(event.stop_reason))) {
      stopReason = event.stop_reason
      // What was said later belongs to a later turn, unless this one only paused there.
      if (!pauses(stopReason)) answer = undefined
    } else if (event.type === 'agent.message') answer ??= textOf(event)
    else if (event.id === eventId) return { answer: answer ?? '', stopReason }
  }
  return undefined
}

/** The turn is not over with it: it goes on when answers, or a larger budget, have come. */
function pauses({ type }: StopReason): boolean {
  return type === 'requires_action' || type === 'budget_reached'
}

export function textOf({ content }: Extract<SessionEvent, { type: 'agent.message' }>): string {
  return content.map((block) => block.text).join('\n')
}
