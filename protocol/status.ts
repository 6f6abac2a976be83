/** Legal changes of a session's status; anything else is a bug. Source: spec §7. */
export const transitions = {
  idle: { work: 'running', archive: 'terminated' },
  running: { settle: 'idle', transientError: 'rescheduling', archive: 'terminated' },
  rescheduling: { retry: 'running', exhausted: 'idle', interrupt: 'idle', archive: 'terminated' },
  terminated: {},
} as const

export type SessionStatus = keyof typeof transitions
export const sessionStatuses = Object.keys(transitions) as SessionStatus[]
export type StatusFact = 'work' | 'settle' | 'transientError' | 'retry' | 'exhausted' | 'interrupt' | 'archive'

/** The status after a fact. Throws when the table does not allow it. */
export function next(status: SessionStatus, fact: StatusFact): SessionStatus {
  const target = (transitions[status] as Partial<Record<StatusFact, SessionStatus>>)[fact]
  if (!target) throw new Error(`a session that is ${status} cannot take "${fact}"`)
  return target
}
