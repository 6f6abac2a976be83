import { scheduleActivity } from '@temporalio/workflow'
import { type WebhookDelivery, type WebhookEvent, webhookNames } from '../protocol/webhooks.ts'

/** How long an endpoint may be away. */
const patience = '3 days'

/** Delivers one event to every endpoint that wants it, to each by itself: one that is away holds up no other. */
export async function webhook(event: WebhookEvent): Promise<{ delivered: number; failed: number }> {
  const endpoints = await scheduleActivity<string[]>(webhookNames.targets, [event.type], {
    startToCloseTimeout: '10s',
    retry: { initialInterval: '200ms', maximumInterval: '1 minute' },
  })
  const results = await Promise.allSettled(
    endpoints.map((endpoint) =>
      scheduleActivity<void>(webhookNames.deliver, [{ endpoint, event } satisfies WebhookDelivery], {
        startToCloseTimeout: '1 minute',
        scheduleToCloseTimeout: patience,
        retry: { initialInterval: '5s', backoffCoefficient: 2, maximumInterval: '1 hour' },
      }),
    ),
  )
  const failed = results.filter(({ status }) => status === 'rejected').length
  return { delivered: results.length - failed, failed }
}
