import { type Command, Option } from 'commander'
import type { SchedulesApi } from '../../client/schedules-api.ts'
import { type OverlapPolicy, overlapPolicies, type Schedule } from '../../protocol/schedules.ts'
import { usageError } from '../failure.ts'
import { defined, parseTime, withFrom, withJson } from '../options.ts'
import { Output } from '../output/output.ts'
import type { Column } from '../output/table.ts'
import { cronText, relative } from '../output/times.ts'
import { type ScheduleFlags, scheduleParams, withScheduleFlags } from './schedule-flags.ts'

const columns: Column<Schedule>[] = [
  { title: 'ID', value: ({ id }) => id },
  { title: 'STATUS', value: ({ status }) => status },
  { title: 'WHEN', value: whenOf, flexible: true },
  {
    title: 'NEXT',
    value: ({ upcoming_runs_at }) => upcoming_runs_at[0],
    short: ({ upcoming_runs_at }) => relative(upcoming_runs_at[0]),
  },
  {
    title: 'LAST',
    value: ({ recent_runs }) => recent_runs.at(-1)?.started_at,
    short: ({ recent_runs }) =>
      relative(recent_runs.at(-1)?.started_at) + (recent_runs.at(-1)?.error ? ', failed' : ''),
  },
  { title: 'RUNS', value: ({ runs }) => runs },
  { title: 'RUNNING', value: ({ running }) => running },
]

/** `holdfast schedules …`: not a part of the API, so they reach Temporal and the records as the project is configured. */
export function scheduleCommands(program: Command): void {
  const group = program
    .command('schedules')
    .alias('schedule')
    .description("sessions by the clock, on Temporal's schedules (of the project in this folder)")

  withJson(group.command('list').alias('ls').description('list schedules')).action((flags) =>
    withSchedules((schedules) => new Output(flags).list(schedules.list(), columns, 'no schedules')),
  )
  withJson(
    group.command('show <id>').alias('describe').description('show a schedule with its last and next runs'),
  ).action((id: string, flags) =>
    withSchedules(async (schedules) => new Output(flags).object(await schedules.retrieve(id))),
  )
  withScheduleFlags(withFrom(withJson(group.command('create <id>').description('create a schedule'))))
    .option('--paused', 'begin paused')
    .action(async (id: string, flags: ScheduleFlags & { paused?: boolean }) => {
      const params = await scheduleParams(flags)
      if (!params.schedule) throw usageError('when? give --cron or --every')
      if (!params.action) throw usageError('what? give --agent and --environment, or --session, and a --message')
      const input = { ...params, id, ...(flags.paused && { paused: true }) }
      await withSchedules(async (schedules) => {
        const schedule = await schedules.create(input as Parameters<SchedulesApi['create']>[0])
        new Output(flags).changed(
          schedule,
          `Created schedule ${id}, next ${relative(schedule.upcoming_runs_at[0]) || 'never'}`,
        )
      })
    })
  withScheduleFlags(withFrom(withJson(group.command('update <id>').description('change a schedule')))).action(
    async (id: string, flags: ScheduleFlags) => {
      const params = await scheduleParams(flags)
      await withSchedules(async (schedules) => {
        new Output(flags).changed(await schedules.update(id, params), `Updated schedule ${id}`)
      })
    },
  )
  pauseCommands(group)
  runCommands(group)
  withJson(group.command('delete <ids...>').description('delete schedules; sessions that they made stay')).action(
    (ids: string[], flags) =>
      withSchedules(async (schedules) => {
        for (const id of ids) new Output(flags).changed(await schedules.delete(id), `Deleted schedule ${id}`)
      }),
  )
}

function pauseCommands(group: Command): void {
  for (const action of ['pause', 'unpause'] as const) {
    withJson(
      group
        .command(`${action} <id>`)
        .description(action === 'pause' ? 'let no more runs begin' : 'let runs begin again'),
    )
      .option('--note <text>', 'why')
      .action((id: string, flags: { note?: string; json?: boolean }) =>
        withSchedules(async (schedules) => {
          const schedule = await schedules[action](id, flags.note)
          new Output(flags).changed(schedule, `Schedule ${id} is ${schedule.status}`)
        }),
      )
  }
}

function runCommands(group: Command): void {
  const overlap = () => new Option('--overlap <policy>', 'when a run is not over').choices(overlapPolicies)
  withJson(group.command('trigger <id>').description('run a schedule now'))
    .addOption(overlap())
    .action((id: string, flags: { overlap?: OverlapPolicy; json?: boolean }) =>
      withSchedules(async (schedules) => {
        await schedules.trigger(id, flags)
        new Output(flags).changed({ id, type: 'schedule_triggered' }, `Triggered schedule ${id}`)
      }),
    )
  withJson(
    group
      .command('backfill <id>')
      .description('run a schedule for times of the past; those that were run are left out'),
  )
    .requiredOption('--from <time>', 'the first, such as 2026-11-01T00:00:00Z', parseTime)
    .requiredOption('--to <time>', 'the last', parseTime)
    .addOption(overlap())
    .action((id: string, flags: { from: string; to: string; overlap?: OverlapPolicy; json?: boolean }) =>
      withSchedules(async (schedules) => {
        const { from: start_at, to: end_at, overlap } = flags
        await schedules.backfill(id, defined({ start_at, end_at, overlap }))
        new Output(flags).changed({ id, type: 'schedule_backfilled' }, `Backfilling schedule ${id}`)
      }),
    )
}

async function withSchedules<T>(run: (schedules: SchedulesApi) => Promise<T>): Promise<T> {
  const { openHoldfast } = await import('../../worker/open-holdfast.ts')
  await using holdfast = await openHoldfast()
  return await run(holdfast.schedules)
}

function whenOf({ schedule }: Schedule): string {
  if (schedule.type === 'interval') return `every ${schedule.every_seconds}s`
  return cronText(schedule)
}
