/** What the workflow of a scheduled run and its activities say to each other; stands in histories. */
import type { ScheduleAction, ScheduleDefinition } from './schedules.ts'

export const scheduleNames = {
  workflow: 'scheduled',
  run: 'holdfastScheduled',
  send: 'holdfastSend',
  watch: 'holdfastWatch',
} as const

/** Input of the workflow of one run. Secrets in it are sealed. */
export interface ScheduledStart {
  definition: ScheduleDefinition
}

/** Input of the activity that makes a run's session, or sends to one. */
export interface ScheduledRun {
  action: ScheduleAction
  /** The run's own: repeated, it does nothing twice. */
  key: string
}

/** How a run ended. */
export interface ScheduledResult {
  sessionId: string
  status?: 'idle' | 'terminated'
}

/** The idempotency key of the run that this workflow is: its id has the schedule and the time in it. */
export const keyOfRun = (workflowId: string) => `schedule/${workflowId}`
