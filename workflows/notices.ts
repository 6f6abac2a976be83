import type { StepNotice } from '../protocol/contract.ts'
import type { SessionState } from './session-state.ts'

/** Announces what a reply had to do without; each thing once a turn. Source: spec §11.1. */
export function announceNotices(state: SessionState, notices: StepNotice[] = []): void {
  const key = ({ type, mcp_server_name }: StepNotice) => `${type} ${mcp_server_name}`
  const fresh = notices.filter((notice) => !state.noticed.includes(key(notice)))
  if (fresh.length === 0) return
  state.noticed.push(...fresh.map(key))
  state.announce({
    events: fresh.map((notice) => ({
      type: 'session.error' as const,
      error: { ...notice, retry_status: { type: 'retrying' as const } },
    })),
  })
}
