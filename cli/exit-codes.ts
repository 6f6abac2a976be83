/** What the exit code of `holdfast` says to a script. */
export const exitCodes = {
  ok: 0,
  failed: 1,
  /** The command line is wrong; nothing was asked for. */
  usage: 2,
  notFound: 3,
  /** The state of the object does not allow it, or somebody else was faster. */
  conflict: 4,
  /** The session that was waited for did not end its turn by itself: retries spent, budget reached, refused, terminated. */
  sessionFailed: 5,
  /** The session that was waited for wants an answer of the client (`requires_action`). */
  answerNeeded: 6,
  /** EX_UNAVAILABLE of sysexits.h. */
  unreachable: 69,
  interrupted: 130,
} as const

export type ExitCode = (typeof exitCodes)[keyof typeof exitCodes]
