import { condition, isCancellation, scheduleActivity, uuid4 } from '@temporalio/workflow'
import { idFrom } from '../protocol/ids.ts'
import { type WebhookEvent, type WebhookType, webhookNames } from '../protocol/webhooks.ts'
import type { SessionState } from './session-state.ts'

export const webhookEvent = (sessionId: string, type: WebhookType): WebhookEvent => ({
  id: idFrom('webhookEvent', uuid4()),
  type,
  sessionId,
  at: new Date().toISOString(),
})

/** Starts the delivery of events. Tried until it is started: that asks Temporal only, never an endpoint. */
export function startWebhooks(events: WebhookEvent[]): Promise<void> {
  return scheduleActivity<void>(webhookNames.start, [events], {
    startToCloseTimeout: '10s',
    retry: { initialInterval: '200ms', maximumInterval: '10s' },
  })
}

/**
 * Hands what happens over to be delivered, beside the session's own work. What is not handed over goes on into the next
 * run: rather twice than never. Costs a session without webhooks nothing.
 */
export async function handOverWebhooks(state: SessionState): Promise<void> {
  if (!state.settings.webhooks) return
  for (;;) {
    await condition(() => !state.sealing && state.webhooks.length > 0)
    const events = [...state.webhooks]
    try {
      await startWebhooks(events)
    } catch (error) {
      if (isCancellation(error)) return
      // It cannot be done, for good: no matter of the session.
    }
    state.webhooks = state.webhooks.slice(events.length)
  }
}

export async function webhooksAreHandedOver(state: SessionState): Promise<void> {
  if (state.webhooks.length > 0) await condition(() => state.webhooks.length === 0)
}
