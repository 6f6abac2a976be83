import type { ServedTool, SessionNotice } from '../protocol/contract.ts'
import type { EventParamsInput, StopReason } from '../protocol/events.ts'
import type { SessionCreateParams } from '../protocol/sessions.ts'

/** The activities by which a workflow reaches its sessions. Their names stand in the histories of users' workflows. */
export interface SessionActivities {
  holdfastCreateSession(
    params: SessionCreateParams,
    key: string,
    tools?: { served: Record<string, ServedTool> },
  ): Promise<{ id: string }>
  /** Ids of the events. The same events under the same key are sent once. */
  holdfastSend(sessionId: string, events: EventParamsInput[], key: string): Promise<string[]>
  /** Asks for one notice; returns it at once when the session has ended. */
  holdfastWatch(sessionId: string, watch: string, options?: { throughAnswers?: boolean }): Promise<SessionNotice | null>
  /** What became of a message; null when it is in no log. */
  holdfastTurn(sessionId: string, eventId: string): Promise<{ answer: string; stopReason: StopReason | null } | null>
  /** Text of the newest message of the agent. */
  holdfastAnswer(sessionId: string): Promise<string>
  /** Brings the session to rest: what it does, and what it has not begun with. */
  holdfastStop(sessionId: string, key: string): Promise<void>
  holdfastArchive(sessionId: string): Promise<void>
  /** For a workflow that is being retried: the run that its first attempt was. */
  holdfastFirstAttempt(): Promise<string>
}
