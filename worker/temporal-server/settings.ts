/**
 * Settings of the embedded server. The development server's defaults serve demonstrations: with them a turn of three
 * activities takes seven times as long, and every timer below a second takes a second.
 */
const dynamicConfig: Record<string, unknown> = {
  // One shard, whose queues are read at most 20 times a second by default: each task would wait up to 45 ms.
  'history.transferProcessorMaxPollRPS': 2000,
  'history.timerProcessorMaxPollRPS': 2000,
  'history.visibilityProcessorMaxPollRPS': 2000,
  'system.enableActivityEagerExecution': true,
  // By default a timer may fire a second late: retries and the detection of lost heartbeats with it.
  'history.timerProcessorMaxTimeShift': '20ms',
  // By default a run younger than a second waits before it continues as new.
  'history.workflowIdReuseMinimalInterval': '0s',
  // By default a run that closed less than 30 s ago is deleted only after half a minute.
  'history.transferProcessorUpdateAckInterval': '1s',
  'history.visibilityProcessorUpdateAckInterval': '1s',
  'history.timerProcessorUpdateAckInterval': '1s',
  // By default a call of the lower rank (`metadata`) fails when its workflow is in use for half a second.
  'history.cacheNonUserContextLockTimeout': '5s',
  // Long polls held at once, for each API method: one for each session that somebody reads.
  'frontend.namespaceCount': 10_000,
}

/**
 * What those who use the embedded server send with each call: their writes queue for its one shard in the lower of two
 * ranks, so that one of a client's can go before them (`client/in-front.ts`). Other servers are not told so: they would
 * refuse such calls first when a rate limit is reached.
 */
export const metadata = { 'caller-type': 'preemptable' }

/**
 * Write-ahead log, each commit on disk before it is acknowledged: what was accepted survives a power failure. Who else
 * looks into the file is waited for (milliseconds).
 */
const sqlitePragmas = { journal_mode: 'wal', synchronous: 'full', busy_timeout: 10_000 }

export interface ServerArguments {
  databaseFile: string
  port: number
  /** Port of the web UI; without one there is none. */
  uiPort?: number
}

/** The command line of `temporal` for the embedded server. Everything listens on the loopback address only. */
export function serverArguments({ databaseFile, port, uiPort }: ServerArguments): string[] {
  return [
    'server',
    'start-dev',
    ...['--ip', '127.0.0.1', '--port', String(port)],
    ...(uiPort === undefined ? ['--headless'] : ['--ui-ip', '127.0.0.1', '--ui-port', String(uiPort)]),
    ...['--db-filename', databaseFile, '--log-level', 'warn', '--disable-config-file', '--disable-config-env'],
    ...Object.entries(sqlitePragmas).flatMap(([key, value]) => ['--sqlite-pragma', `${key}=${value}`]),
    ...Object.entries(dynamicConfig).flatMap(([key, value]) => [
      '--dynamic-config-value',
      `${key}=${JSON.stringify(value)}`,
    ]),
  ]
}
