import { type Command, Option } from 'commander'
import { parsePort, parseProcesses } from '../options.ts'

/** The commands that run Holdfast, or look at what is there to run it. Each is loaded when it is used: `--help` needs no native module. */
export function hostCommands(program: Command): void {
  program
    .command('dev')
    .description('run everything on this machine: Temporal, workers and the HTTP API')
    .option('-p, --port <port>', 'port of the API, 0 for any that is free (4000)', parsePort)
    .option('-d, --data <folder>', 'folder of everything that is kept (.holdfast)')
    .option('--host <address>', 'address of the API (127.0.0.1); others need HOLDFAST_API_KEYS')
    .action(async (options) => {
      process.exitCode = await (await import('../dev.ts')).dev(options)
    })

  program
    .command('server')
    .description('run the HTTP API alone, for a Temporal server and workers that run elsewhere')
    .option('-p, --port <port>', 'port of the API, 0 for any that is free (4000)', parsePort)
    .option('-d, --data <folder>', 'folder of everything that is kept (.holdfast)')
    .option('--host <address>', 'address of the API (127.0.0.1); others need HOLDFAST_API_KEYS')
    .action(async (options) => {
      process.exitCode = await (await import('../server.ts')).server(options)
    })

  program
    .command('worker')
    .description('run workers alone, for a Temporal server that runs elsewhere')
    .option('-d, --data <folder>', 'folder of everything that is kept (.holdfast)')
    .option('--processes <count>', 'worker processes (1)', parseProcesses)
    .action(async (options) => {
      process.exitCode = await (await import('../worker.ts')).worker(options)
    })

  program
    .command('doctor')
    .description('say what this machine has and what is missing, with the command that mends it')
    .option('-p, --port <port>', 'port of the API', parsePort)
    .option('-d, --data <folder>', 'folder of everything that is kept')
    .option('--json', 'for programs')
    .option('--sessions', 'say which sessions do not get on, and why, instead')
    .addOption(
      new Option(
        '--logs',
        "verify what is sealed of the sessions' logs, and write again what Temporal still has",
      ).conflicts('sessions'),
    )
    .action(async ({ sessions, logs, ...options }) => {
      if (sessions) process.exitCode = await (await import('../doctor-sessions.ts')).doctorSessions(options)
      else if (logs) process.exitCode = await (await import('../doctor-logs.ts')).doctorLogs(options)
      else process.exitCode = await (await import('../doctor.ts')).doctor(options)
    })

  const records = program.command('records').description('where agents, sessions and all other rows are kept')
  records
    .command('copy')
    .description('copy all records into another, empty database, while nothing runs')
    .requiredOption('--to <url>', 'postgres://USER@HOST:PORT/DATABASE or sqlite:PATH')
    .option('-d, --data <folder>', 'folder of everything that is kept (.holdfast)')
    .action(async (options) => {
      process.exitCode = await (await import('../copy-records.ts')).copyConfiguredRecords(options)
    })

  program
    .command('demo')
    .description('a session from upload to answer, through the death of its worker')
    .option('--keep', 'leave everything running until Ctrl-C, to look around')
    .action(async (options) => {
      process.exitCode = await (await import('../demo.ts')).demo(options)
    })
}
