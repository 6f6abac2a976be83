import type { Holdfast } from '../client/holdfast.ts'
import { openAction } from '../client/schedule-secrets.ts'
import { type ScheduledRun, scheduleNames } from '../protocol/scheduled-run.ts'
import { refusing } from './session-activities.ts'

/** What the runs of schedules do. */
export function scheduledActivities(holdfast: Holdfast) {
  return {
    [scheduleNames.run]: refusing(async ({ action: sealed, key }: ScheduledRun): Promise<string> => {
      const action = openAction(sealed, holdfast.runtime.secrets)
      if (action.type === 'create_session') {
        return (await holdfast.sessions.create(action.session, { idempotencyKey: key })).id
      }
      await holdfast.sessions.events.send(action.session_id, { events: action.events }, { idempotencyKey: key })
      return action.session_id
    }),
  }
}
