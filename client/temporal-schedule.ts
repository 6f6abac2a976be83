import { status as Grpc } from '@grpc/grpc-js'
import {
  isGrpcServiceError,
  ScheduleClient,
  type ScheduleOptions,
  ScheduleOverlapPolicy,
  type ScheduleSpec,
} from '@temporalio/client'
import { invalidRequest } from '../protocol/errors.ts'
import { type ScheduledStart, scheduleNames } from '../protocol/scheduled-run.ts'
import type { OverlapPolicy, ScheduleDefinition } from '../protocol/schedules.ts'
import type { Runtime } from './runtime.ts'

export const scheduleClient = ({ connection, namespace, codec }: Pick<Runtime, 'connection' | 'namespace' | 'codec'>) =>
  new ScheduleClient({ connection, namespace, dataConverter: { payloadCodecs: [codec] } })

export const overlapOf: Record<OverlapPolicy, ScheduleOverlapPolicy> = {
  skip: ScheduleOverlapPolicy.SKIP,
  buffer_one: ScheduleOverlapPolicy.BUFFER_ONE,
  buffer_all: ScheduleOverlapPolicy.BUFFER_ALL,
  cancel_other: ScheduleOverlapPolicy.CANCEL_OTHER,
  terminate_other: ScheduleOverlapPolicy.TERMINATE_OTHER,
  allow_all: ScheduleOverlapPolicy.ALLOW_ALL,
}

/** What Temporal is told of a schedule. The whole definition stands in its action: Temporal keeps a cron in other words. */
export function optionsOf(definition: ScheduleDefinition, taskQueue: string) {
  const start: ScheduledStart = { definition }
  return {
    spec: specOf(definition),
    action: {
      type: 'startWorkflow',
      workflowType: scheduleNames.workflow,
      // Temporal adds the time: the id of a run names what it is for.
      workflowId: `holdfast-scheduled-${definition.id}`,
      taskQueue,
      args: [start],
    },
    policies: {
      overlap: overlapOf[definition.overlap],
      catchupWindow: definition.catchup_window_seconds * 1000,
      pauseOnFailure: definition.pause_on_failure,
    },
  } satisfies Omit<ScheduleOptions, 'scheduleId'>
}

function specOf({ schedule, jitter_seconds, starts_at, ends_at }: ScheduleDefinition): ScheduleSpec {
  const bounds = {
    ...(jitter_seconds > 0 && { jitter: jitter_seconds * 1000 }),
    ...(starts_at && { startAt: new Date(starts_at) }),
    ...(ends_at && { endAt: new Date(ends_at) }),
  }
  if (schedule.type === 'cron') {
    return { cronExpressions: [schedule.expression], timezone: schedule.timezone, ...bounds }
  }
  const { every_seconds, offset_seconds } = schedule
  return { intervals: [{ every: every_seconds * 1000, offset: offset_seconds * 1000 }], ...bounds }
}

/** What the server does not take is the caller's matter: a cron expression that has no meaning, for one. */
export function refusedSchedule(error: unknown): unknown {
  // As which the SDK passes on what the server says of a time.
  if (error instanceof TypeError) return invalidRequest(`schedule: ${error.message}`, { cause: error })
  const grpc = error instanceof Error && isGrpcServiceError(error.cause) ? error.cause : error
  if (!isGrpcServiceError(grpc) || grpc.code !== Grpc.INVALID_ARGUMENT) return error
  return invalidRequest(`schedule: ${grpc.details}`, { cause: error })
}
