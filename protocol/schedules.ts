/** Schedules: sessions started, or sent to, by the clock. Holdfast's own; the API's form are deployments, spec §21. */
import { z } from 'zod'
import { type ApiErrorType, invalidRequest } from './errors.ts'
import { eventParams } from './events.ts'
import { limits } from './limits.ts'
import { parse } from './parse.ts'
import { sessionCreateParams } from './sessions.ts'
import { timezone } from './time-zone.ts'

/** What happens when it is time and the run before is not over. */
export const overlapPolicies = [
  'skip',
  'buffer_one',
  'buffer_all',
  'cancel_other',
  'terminate_other',
  'allow_all',
] as const
export type OverlapPolicy = (typeof overlapPolicies)[number]

/** The action stands in Temporal's history of every run. */
const largestAction = 64 * 1024
const seconds = z
  .int()
  .min(1)
  .max(366 * 86_400)

const timing = z.discriminatedUnion('type', [
  /** Five fields: minute, hour, day of month, month, day of week; read in the time zone. */
  z.strictObject({
    type: z.literal('cron'),
    expression: z
      .string()
      .max(200)
      .regex(/^\S+( +\S+){4}$/, 'must have five fields: minute, hour, day of month, month, day of week'),
    timezone: timezone.default('UTC'),
  }),
  /** At multiples of the interval since 1970, moved by the offset. */
  z.strictObject({ type: z.literal('interval'), every_seconds: seconds, offset_seconds: z.int().min(0).default(0) }),
])

const action = z.discriminatedUnion('type', [
  /** A session for each time, as `sessions.create` makes it. */
  z.strictObject({ type: z.literal('create_session'), session: sessionCreateParams }),
  /** Events for a session that exists. */
  z.strictObject({
    type: z.literal('send'),
    session_id: z.string().min(1),
    events: z.array(eventParams).min(1).max(limits.eventsPerSend),
  }),
])
export type ScheduleAction = z.output<typeof action>

const time = z.iso.datetime({ offset: true })
const changeable = {
  schedule: timing,
  action,
  overlap: z.enum(overlapPolicies),
  /** A run lasts until the session is idle; otherwise until it has got its events. Overlaps are judged by it. */
  wait_for_idle: z.boolean(),
  /** Each time is moved by a random part of this. */
  jitter_seconds: z.int().min(0).max(86_400),
  /** How late a run may begin that was missed while Temporal was away. */
  catchup_window_seconds: z
    .int()
    .min(10)
    .max(366 * 86_400),
  pause_on_failure: z.boolean(),
  starts_at: time.nullable(),
  ends_at: time.nullable(),
  note: z.string().max(1000).nullable(),
}

export const scheduleId = z
  .string()
  .regex(/^[A-Za-z0-9][\w.-]{0,99}$/, 'must be letters, digits, _ . and -, at most 100')

export const scheduleCreateParams = z.strictObject({
  id: scheduleId,
  schedule: changeable.schedule,
  action: changeable.action,
  overlap: changeable.overlap.default('skip'),
  wait_for_idle: changeable.wait_for_idle.default(true),
  jitter_seconds: changeable.jitter_seconds.default(0),
  catchup_window_seconds: changeable.catchup_window_seconds.default(86_400),
  pause_on_failure: changeable.pause_on_failure.default(false),
  starts_at: changeable.starts_at.default(null),
  ends_at: changeable.ends_at.default(null),
  note: changeable.note.default(null),
  /** Runs that are left; null: no end. */
  remaining_runs: z.int().min(1).nullable().default(null),
  paused: z.boolean().default(false),
})
export type ScheduleCreateParams = z.input<typeof scheduleCreateParams>

/** What is left out stays. */
export const scheduleUpdateParams = z
  .strictObject({
    ...changeable,
    remaining_runs: z.int().min(1).nullable(),
  })
  .partial()
export type ScheduleUpdateParams = z.input<typeof scheduleUpdateParams>

export const scheduleBackfillParams = z
  .strictObject({ start_at: time, end_at: time, overlap: z.enum(overlapPolicies).optional() })
  .refine(({ start_at, end_at }) => Date.parse(start_at) <= Date.parse(end_at), {
    path: ['end_at'],
    error: 'must not be before start_at',
  })
export type ScheduleBackfillParams = z.input<typeof scheduleBackfillParams>

/** What a schedule is told once and keeps; the rest of it is Temporal's. */
export type ScheduleDefinition = Omit<z.output<typeof scheduleCreateParams>, 'remaining_runs' | 'paused' | 'note'>

/** One time at which it was to run. */
export interface ScheduleRun {
  scheduled_at: string
  started_at: string
  workflow_id: string
  /** Null when no session could be made, or not yet; that of an action `send` in any case. */
  session_id: string | null
  /** Why it failed; as of deployment runs, spec §21.3. */
  error: ScheduleRunError | null
}

export interface ScheduleRunError {
  /** That of the refusal. */
  type: ApiErrorType | 'unknown_error'
  message: string
}

export interface Schedule extends ScheduleDefinition {
  type: 'schedule'
  status: 'active' | 'paused'
  note: string | null
  remaining_runs: number | null
  /** The newest, oldest first. */
  recent_runs: ScheduleRun[]
  /** At most ten, before jitter; empty while paused. */
  upcoming_runs_at: string[]
  runs: number
  skipped_overlap: number
  missed_catchup_window: number
  running: number
  created_at: string
  updated_at: string
}

/** @throws ApiError 400 that names the field */
export function parseSchedule(input: ScheduleCreateParams) {
  const params = parse(scheduleCreateParams, input)
  checkDefinition(params)
  return params
}

export function checkDefinition({
  action,
  starts_at,
  ends_at,
}: Pick<ScheduleDefinition, 'action' | 'starts_at' | 'ends_at'>): void {
  if (starts_at && ends_at && Date.parse(ends_at) < Date.parse(starts_at))
    throw invalidRequest('ends_at: must not be before starts_at')
  if (Buffer.byteLength(JSON.stringify(action)) > largestAction)
    throw invalidRequest(`action: at most ${largestAction} bytes as JSON; put what is longer into files`)
}
