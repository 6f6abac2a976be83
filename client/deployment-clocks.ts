import {
  type CalendarSpec,
  MONTHS as months,
  type ScheduleClient,
  ScheduleOverlapPolicy,
  type ScheduleSpec,
} from '@temporalio/client'
import { conjunctive, parseCron, repeatedTimes, timesWithoutMidnight } from '../protocol/cron.ts'
import { type DeploymentTick, deploymentNames } from '../protocol/deployment-clock.ts'
import { type CronSchedule, nextTimes } from '../protocol/deployments.ts'
import type { Runtime } from './runtime.ts'
import { refusedSchedule, scheduleClient } from './temporal-schedule.ts'

const second = 1000
const minute = 60 * second
const day = 24 * 60 * minute
/** How many times are looked at for the shortest interval between two. */
const looked = 6

/**
 * The clocks of deployments: each a Temporal Schedule that is never changed. It is started before its deployment names it and
 * stopped after; one that is left over, because whoever was to stop it was killed, is known by its id when it fires, and
 * stopped then. So nothing that two processes do at once leaves a deployment with the wrong clock.
 */
export class DeploymentClocks {
  readonly #client: ScheduleClient
  readonly #taskQueue: string

  constructor(runtime: Pick<Runtime, 'connection' | 'namespace' | 'codec' | 'taskQueue'>) {
    this.#client = scheduleClient(runtime)
    this.#taskQueue = runtime.taskQueue
  }

  /**
   * Starts a clock, from now on, and returns its id.
   * @throws ApiError 400 for a time zone that Temporal does not know
   */
  async start(deploymentId: string, schedule: CronSchedule): Promise<string> {
    const clock = crypto.randomUUID()
    const interval = shortestInterval(schedule)
    const create = (scheduleId: string, spec: ScheduleSpec) => {
      const tick: DeploymentTick = { deploymentId, clock }
      return this.#client.create({
        scheduleId,
        // Source: spec §0.2, "15 % of the interval, clamped 5 s…9 min".
        spec: { ...spec, jitter: Math.round(within(5 * second, 0.15 * interval, 9 * minute)) },
        action: {
          type: 'startWorkflow',
          workflowType: deploymentNames.workflow,
          // Temporal adds the time. Of two clocks none keeps the other's from being started.
          workflowId: `holdfast-deployment-${deploymentId}-${clock}`,
          taskQueue: this.#taskQueue,
          args: [tick],
          // Bounds how long a task that was handed to a dying worker stays there.
          workflowTaskTimeout: '5 seconds',
        },
        policies: {
          overlap: ScheduleOverlapPolicy.ALLOW_ALL,
          // Of the times at which Temporal was away the newest is made up for, if it is not too long ago.
          catchupWindow: within(minute, interval, day),
        },
      })
    }
    const ids = idsOf(deploymentId, clock)
    try {
      for (const [index, spec] of specsOf(schedule).entries()) await create(ids[index]!, spec)
    } catch (error) {
      await this.stop(deploymentId, clock)
      throw refusedSchedule(error)
    }
    return clock
  }

  /** Stops a clock, if it is there. What fails here the clock does itself, the next time that it fires. */
  async stop(deploymentId: string, clock: string | null): Promise<void> {
    if (clock === null) return
    for (const id of idsOf(deploymentId, clock)) {
      await this.#client
        .getHandle(id)
        .delete()
        .catch(() => {})
    }
  }
}

/** Those of the library's schedules begin with `holdfast-`. */
function idsOf(deploymentId: string, clock: string): string[] {
  const main = `holdfast.${deploymentId}.${clock}`
  return [main, `${main}.repeated`]
}

/**
 * What Temporal is told of a schedule: its cron expression and, beside it, those times of the next ten years that Temporal
 * may pass over. A time that comes of both is one run all the same.
 */
export function specsOf({ expression, timezone }: CronSchedule, now = Date.now()): ScheduleSpec[] {
  const cron = parseCron(expression)
  const main = { cronExpressions: conjunctive(cron), timezone }
  const until = now + 10 * 366 * day
  // Where clocks are changed Temporal may jump by an hour more than it should.
  const beside = repeatedTimes(cron, timezone, now, until, 60 * minute)
  // The day of the week is asked of midnight: without one it is, west of Greenwich, that of the day before.
  if (cron.daysOfWeek.length < 7) beside.push(...timesWithoutMidnight(cron, timezone, now, until))
  return beside.length > 0 ? [main, { calendars: calendarsOf(beside) }] : [main]
}

function shortestInterval(schedule: CronSchedule): number {
  const times = nextTimes(schedule, Date.now(), looked)
  return Math.min(...times.slice(1).map((time, index) => time - times[index]!))
}

/** Single times, in UTC: one calendar for those of an hour. */
function calendarsOf(times: number[]): CalendarSpec[] {
  const hours = Map.groupBy(times, (time) => Math.floor(time / (60 * minute)))
  return [...hours].map(([hour, within]) => {
    const date = new Date(hour * 60 * minute)
    return {
      year: date.getUTCFullYear(),
      month: months[date.getUTCMonth()]!,
      dayOfMonth: date.getUTCDate(),
      hour: date.getUTCHours(),
      minute: within.map((time) => new Date(time).getUTCMinutes()),
    }
  })
}

const within = (least: number, value: number, most: number) => Math.min(most, Math.max(least, value))
