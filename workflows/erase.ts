import { scheduleActivity } from '@temporalio/workflow'
import { type EraseStart, names } from '../protocol/contract.ts'
import { startWebhooks, webhookEvent } from './webhook-events.ts'

/** Erases a deleted session everywhere: its container, its history, its content, its row. Goes on until all is gone. */
export async function erase({ sessionId, host, webhooks }: EraseStart): Promise<void> {
  if (webhooks) await startWebhooks([webhookEvent(sessionId, 'session.deleted')])
  const untilDone = {
    startToCloseTimeout: '1 minute',
    retry: { initialInterval: '200ms', maximumInterval: '1 minute' },
  } as const
  // An archived session keeps its files, so the container's host has to do its part however long it is away.
  if (host) await scheduleActivity(names.eraseContainer, [sessionId], { ...untilDone, taskQueue: host })
  await scheduleActivity(names.eraseRecords, [sessionId], untilDone)
}
