import type { Result } from './result.ts'

/** What the keeper says to the supervisor. */
export type ToSupervisor =
  | { op: 'call'; id: string; name: string; input: Record<string, unknown>; timeoutMs: number }
  /** Ends a call that is running; its result comes as usual. */
  | { op: 'stop'; id: string }

/** What the supervisor says to the keeper. */
export type FromSupervisor =
  | { event: 'ready' }
  /** Output of a call while it runs. */
  | { event: 'output'; id: string; text: string }
  | { event: 'result'; id: string; result: Result }
