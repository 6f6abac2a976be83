import type { RunView } from '../log/run-view.ts'
import type { SessionEvent, StopReason } from '../protocol/events.ts'

export interface Idle {
  /** `terminated` when the session has ended meanwhile. */
  status: 'idle' | 'terminated'
  /** Why it is idle; null before its first turn and when it has ended. */
  stopReason: StopReason | null
}

/** How the session stands at the end of what a view shows; undefined while it is active. */
export function standing(view: RunView): Idle | undefined {
  const carried = view.started?.input.carried
  const active = carried?.status === 'running' || carried?.status === 'rescheduling'
  const initial: Idle | undefined = active ? undefined : { status: 'idle', stopReason: carried?.stopReason ?? null }
  return view.items.reduce((idle, { event, received }) => (received ? idle : standingAfter(event, idle)), initial)
}

export function standingAfter(event: SessionEvent, idle: Idle | undefined): Idle | undefined {
  if (event.type === 'session.status_running' || event.type === 'session.status_rescheduled') return undefined
  if (event.type === 'session.status_idle') return { status: 'idle', stopReason: event.stop_reason }
  if (event.type === 'session.status_terminated') return { status: 'terminated', stopReason: null }
  return idle
}
