/** What must not happen, and how each is counted. */
export const kinds = {
  lost: 'accepted and not in the log',
  doubled: 'twice in the log',
  reordered: 'two readers disagree',
  rerun: 'a tool call ran twice',
  unmarked: 'a tool call without its result, or whose result hides what is not known',
  rebilled: 'a finished step of the model asked for again',
  stuck: 'no progress',
  invalid: 'a request that the model refused',
} as const
export type FindingKind = keyof typeof kinds

export interface CheckFinding {
  kind: FindingKind
  /** What shows it. */
  text: string
}
