import { readFileSync } from 'node:fs'
import path from 'node:path'
import { Command, InvalidArgumentError } from 'commander'
import { packageRoot } from '../worker/package-root.ts'

const { version } = JSON.parse(readFileSync(path.join(packageRoot, 'package.json'), 'utf8')) as { version: string }

/** The command `holdfast`. Each subcommand is loaded when it is used: `--help` needs no native module. */
const program = new Command('holdfast')
  .description('Durable agent sessions on Temporal: the Claude Managed Agents API, self-hosted.')
  .version(version)
  .showHelpAfterError()

program
  .command('dev')
  .description('run everything on this machine: Temporal, workers and the HTTP API')
  .option('-p, --port <port>', 'port of the API (4000)', parsePort)
  .option('-d, --data <folder>', 'folder of everything that is kept (.holdfast)')
  .option('--host <address>', 'address of the API (127.0.0.1); others need HOLDFAST_API_KEYS')
  .action(async (options) => {
    process.exitCode = await (await import('./dev.ts')).dev(options)
  })

program
  .command('doctor')
  .description('say what this machine has and what is missing, with the command that mends it')
  .option('-p, --port <port>', 'port of the API', parsePort)
  .option('-d, --data <folder>', 'folder of everything that is kept')
  .option('--json', 'for programs')
  .option('--sessions', 'say which sessions do not get on, and why, instead')
  .action(async ({ sessions, ...options }) => {
    process.exitCode = sessions
      ? await (await import('./doctor-sessions.ts')).doctorSessions(options)
      : await (await import('./doctor.ts')).doctor(options)
  })

program
  .command('demo')
  .description('a session from upload to answer, through the death of its worker')
  .allowUnknownOption()
  .allowExcessArguments()
  .helpOption(false)
  .action(async (_options, command: Command) => {
    process.exitCode = (await (await import('./demo.ts')).demo(command.args)) ?? 0
  })

program
  .command('openapi')
  .description('print the OpenAPI document of the HTTP API')
  .action(async () => {
    const { openApiDocument } = await import('../server/openapi/document.ts')
    console.log(JSON.stringify(openApiDocument(), null, 2))
  })

program
  .command('version')
  .description('say which version this is')
  .action(() => console.log(version))

function parsePort(text: string): number {
  const port = Number(text)
  if (!/^\d+$/.test(text) || port < 1 || port > 65_535)
    throw new InvalidArgumentError('expected a number from 1 to 65535')
  return port
}

process.title = 'holdfast'
try {
  await program.parseAsync()
} catch (error) {
  // What is thrown up to here says by itself what to do; a stack would hide it. HOLDFAST_DEBUG shows that too.
  console.error(`holdfast: ${process.env.HOLDFAST_DEBUG ? (error as Error).stack : (error as Error).message}`)
  process.exitCode = 1
}
