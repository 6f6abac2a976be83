/** Webhooks: what happens to sessions, told to endpoints of the user. Source: spec §22. */
import type { AnnouncedEvent } from './contract.ts'

/** What an endpoint can be told of. */
export const webhookTypes = [
  'session.created',
  'session.updated',
  'session.status_run_started',
  'session.status_idled',
  'session.status_rescheduled',
  'session.status_terminated',
  'session.requires_action',
  'session.budget_reached',
  'session.archived',
  'session.deleted',
] as const
export type WebhookType = (typeof webhookTypes)[number]

/** One thing that happened, on its way to the endpoints. */
export interface WebhookEvent {
  /** Stable: an endpoint that gets it twice knows it by this. */
  id: string
  type: WebhookType
  sessionId: string
  /** RFC 3339. */
  at: string
}

/** Names that stand in histories. */
export const webhookNames = {
  workflow: 'webhook',
  start: 'startWebhooks',
  targets: 'webhookTargets',
  deliver: 'deliverWebhook',
} as const

/** Input of the activity that delivers. The endpoint is named by a hash: some addresses are secrets themselves. */
export interface WebhookDelivery {
  endpoint: string
  event: WebhookEvent
}

/** What an event of the log means for the endpoints. */
export function webhookTypesOf(event: AnnouncedEvent): WebhookType[] {
  switch (event.type) {
    case 'session.status_running':
      return ['session.status_run_started']
    case 'session.status_idle':
      return ['session.status_idled', ...(asked[event.stop_reason.type] ?? [])]
    case 'session.status_rescheduled':
      return ['session.status_rescheduled']
    case 'session.status_terminated':
      return ['session.status_terminated', 'session.archived']
    case 'session.updated':
      return ['session.updated']
    default:
      return []
  }
}

/** Why a session is idle, where somebody has to do something about it. */
const asked: Record<string, WebhookType[]> = {
  requires_action: ['session.requires_action'],
  budget_reached: ['session.budget_reached'],
}

/** The body of a delivery. A self-hosted installation is one organization with one workspace. Source: spec §22. */
export function webhookBody({ id, type, sessionId, at }: WebhookEvent): string {
  const data = { type, id: sessionId, organization_id: 'org_holdfast', workspace_id: 'wrkspc_default' }
  return JSON.stringify({ type: 'event', id, created_at: at, data })
}
