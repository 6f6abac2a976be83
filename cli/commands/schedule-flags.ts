import { type Command, Option } from 'commander'
import { type OverlapPolicy, overlapPolicies, type ScheduleUpdateParams } from '../../protocol/schedules.ts'
import { usageError } from '../failure.ts'
import { defined, givenObject, givenText, parseCount, parseInterval } from '../options.ts'

export interface ScheduleFlags {
  from?: string
  json?: boolean
  cron?: string
  timezone?: string
  every?: number
  agent?: string
  environment?: string
  title?: string
  session?: string
  message?: string
  overlap?: OverlapPolicy
  /** `--no-wait` makes it false. */
  wait: boolean
  jitter?: number
  runs?: number
  pauseOnFailure?: boolean
  note?: string
}

export const withScheduleFlags = (command: Command): Command =>
  command
    .option('--cron <expression>', 'five fields, such as "0 6 * * 1-5"')
    .option('--timezone <name>', 'of --cron, such as Europe/Oslo (UTC)')
    .option('--every <interval>', 'such as 90s, 15m, 6h or 1d', parseInterval)
    .option('--agent <id>', 'start a session of this agent each time')
    .option('--environment <id>', 'for --agent')
    .option('--title <title>', 'for --agent')
    .option('--session <id>', 'send to this session each time')
    .option('-m, --message <text>', 'the message; - reads standard input, @FILE a file')
    .addOption(
      new Option('--overlap <policy>', 'when a run is not over at the time of the next (skip)').choices(
        overlapPolicies,
      ),
    )
    .option('--no-wait', 'a run is over when its message is sent, not when the session is idle')
    .option('--jitter <interval>', 'move each time by a random part of this', parseInterval)
    .option('--runs <count>', 'how many, then no more', parseCount)
    .option('--pause-on-failure', 'pause when a run fails')
    .option('--note <text>')

/** The parameters of the library, from options and `--from`. */
export async function scheduleParams(flags: ScheduleFlags): Promise<ScheduleUpdateParams> {
  return {
    ...(await givenObject(flags.from)),
    ...defined({
      schedule: timingOf(flags),
      action: await actionOf(flags),
      overlap: flags.overlap,
      wait_for_idle: flags.wait ? undefined : false,
      jitter_seconds: flags.jitter,
      remaining_runs: flags.runs,
      pause_on_failure: flags.pauseOnFailure,
      note: flags.note,
    }),
  } as ScheduleUpdateParams
}

function timingOf({ cron, timezone, every }: ScheduleFlags): object | undefined {
  if (cron !== undefined && every !== undefined) throw usageError('--cron and --every exclude each other')
  if (timezone !== undefined && cron === undefined) throw usageError('--timezone goes with --cron')
  if (every !== undefined) return { type: 'interval', every_seconds: every }
  return cron === undefined ? undefined : defined({ type: 'cron', expression: cron, timezone })
}

async function actionOf({ agent, environment, title, session, message }: ScheduleFlags): Promise<object | undefined> {
  if (agent !== undefined && session !== undefined) throw usageError('--agent and --session exclude each other')
  if (agent === undefined && session === undefined) {
    if (message !== undefined) throw usageError('--message goes with --agent or --session')
    return undefined
  }
  if (message === undefined) throw usageError('--message is missing')
  const events = [{ type: 'user.message', content: [{ type: 'text', text: await givenText(message) }] }]
  if (session !== undefined) return { type: 'send', session_id: session, events }
  if (environment === undefined) throw usageError('--environment is missing: see holdfast environments list')
  return {
    type: 'create_session',
    session: defined({ agent, environment_id: environment, title, initial_events: events }),
  }
}
