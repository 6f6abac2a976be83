import type { ServedTool, SessionNotice } from '../protocol/contract.ts'
import type { EventParamsInput } from '../protocol/events.ts'
import type { SessionCreateParams } from '../protocol/sessions.ts'

/** The activities by which a workflow reaches its sessions. Their names stand in the histories of users' workflows. */
export interface SessionActivities {
  holdfastCreateSession(
    params: SessionCreateParams,
    key: string,
    tools?: { served: Record<string, ServedTool> },
  ): Promise<{ id: string }>
  holdfastSend(sessionId: string, events: EventParamsInput[], key: string): Promise<void>
  /** Asks for one notice; returns it at once when the session has ended. */
  holdfastWatch(sessionId: string, watch: string): Promise<SessionNotice | null>
  /** Text of the newest message of the agent. */
  holdfastAnswer(sessionId: string): Promise<string>
  holdfastArchive(sessionId: string): Promise<void>
}
