import type { SessionMemo } from '../protocol/contract.ts'
import { primaryThreadId } from '../protocol/ids.ts'
import type { Session, SessionAgent } from '../protocol/sessions.ts'
import type { SessionStatus } from '../protocol/status.ts'
import type { SessionThread } from '../protocol/threads.ts'
import { noUsage } from '../protocol/usage.ts'
import type { SessionRecord } from '../store/records.ts'

export function statusOf(record: SessionRecord, state: SessionMemo | undefined): SessionStatus {
  return record.archivedAt ? 'terminated' : (state?.status ?? 'idle')
}

/** The session object of the API: its row, its configuration, and the newest state of its workflow. Source: spec §6.1. */
export function sessionView(record: SessionRecord, agent: SessionAgent, state: SessionMemo | undefined): Session {
  const now = Date.now()
  const usage = { ...(state?.usage ?? noUsage()) }
  if (state?.activeSince !== undefined && !record.archivedAt) usage.active_seconds += (now - state.activeSince) / 1000
  const ended = record.archivedAt ? Date.parse(record.archivedAt) : now
  const changed = Math.max(Date.parse(record.updatedAt), state?.updatedAt ?? 0)
  return {
    id: record.id,
    type: 'session',
    status: statusOf(record, state),
    agent,
    environment_id: record.environmentId,
    title: record.title,
    metadata: record.metadata,
    resources: record.resources,
    vault_ids: record.vaultIds,
    budget: record.budget ?? null,
    usage,
    stats: {
      active_seconds: usage.active_seconds,
      duration_seconds: Math.max(0, ended - Date.parse(record.createdAt)) / 1000,
    },
    outcome_evaluations: [],
    deployment_id: record.deploymentId ?? null,
    created_at: record.createdAt,
    updated_at: new Date(changed).toISOString(),
    archived_at: record.archivedAt,
  }
}

/** The session's primary thread: what the session is, as far as an agent at work has it. Source: spec §13.4. */
export function threadView(record: SessionRecord, agent: SessionAgent, state: SessionMemo | undefined): SessionThread {
  const session = sessionView(record, agent, state)
  const { multiagent: _, ...own } = session.agent
  const hasWorked = (state?.usage.active_seconds ?? 0) > 0
  return {
    id: primaryThreadId(session.id),
    type: 'session_thread',
    session_id: session.id,
    parent_thread_id: null,
    agent: own,
    status: session.status,
    workflow_run_id: null,
    stats: hasWorked || state?.activeSince !== undefined ? session.stats : null,
    usage: hasWorked ? session.usage : null,
    created_at: session.created_at,
    updated_at: session.updated_at,
    archived_at: session.archived_at,
  }
}
