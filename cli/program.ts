import { readFileSync } from 'node:fs'
import path from 'node:path'
import { Command } from 'commander'
import { packageRoot } from '../worker/package-root.ts'
import { agentCommands } from './commands/agents.ts'
import { completionCommand } from './commands/completion.ts'
import { deploymentCommands } from './commands/deployments.ts'
import { environmentCommands } from './commands/environments.ts'
import { fileCommands } from './commands/files.ts'
import { hostCommands } from './commands/hosts.ts'
import { memoryStoreCommands } from './commands/memory-stores.ts'
import { scheduleCommands } from './commands/schedules.ts'
import { sessionCommands } from './commands/sessions.ts'
import { skillCommands } from './commands/skills.ts'
import { vaultCommands } from './commands/vaults.ts'

export const { version } = JSON.parse(readFileSync(path.join(packageRoot, 'package.json'), 'utf8')) as {
  version: string
}

const help = `
Environment:
  HOLDFAST_URL      the server that the commands talk to (http://127.0.0.1:4000)
  HOLDFAST_API_KEY  its key, where it asks for one
  NO_COLOR          no colours, also on a terminal

Exit codes:
  0 ok, 1 failed, 2 usage, 3 not found, 4 not in this state, 5 the session's turn failed, 6 the session waits for an answer,
  69 no server answers, 130 Ctrl-C`

/** The tree of the commands of `holdfast`. What a command needs beyond the API's client is loaded when it is used. */
export function holdfastProgram(): Command {
  const program = new Command('holdfast')
    .description('Durable agent sessions on Temporal: the Claude Managed Agents API, self-hosted.')
    .version(version)
    .addHelpText('after', help)
  // Handed on to the commands that are made below.
  program.exitOverride().showHelpAfterError('(--help shows what is accepted)')
  program.commandsGroup('On this machine:')
  hostCommands(program)
  program.commandsGroup('Of a server:')
  sessionCommands(program)
  agentCommands(program)
  environmentCommands(program)
  fileCommands(program)
  memoryStoreCommands(program)
  skillCommands(program)
  vaultCommands(program)
  deploymentCommands(program)
  scheduleCommands(program)
  program.commandsGroup('Others:')
  completionCommand(program)
  program
    .command('openapi')
    .description('print the OpenAPI document of the HTTP API')
    .action(async () => {
      const { openApiDocument } = await import('../server/openapi/document.ts')
      process.stdout.write(`${JSON.stringify(openApiDocument(), null, 2)}\n`)
    })
  program
    .command('version')
    .description('say which version this is')
    .action(() => void process.stdout.write(`${version}\n`))
  return program
}
