import type Anthropic from '@anthropic-ai/sdk'
import type { Command } from 'commander'
import { once, withApi } from '../api-client.ts'
import {
  collect,
  collectPair,
  defined,
  givenObject,
  metadataPatch,
  parseBudget,
  withFrom,
  withJson,
} from '../options.ts'
import { Output } from '../output/output.ts'
import type { Column } from '../output/table.ts'
import {
  addResource,
  archivedColumn,
  createdColumn,
  idColumn,
  type ListFlags,
  limited,
  withListFlags,
} from './resource.ts'
import { sessionAnswerCommands } from './session-answers.ts'
import { sessionCreateCommand } from './session-create.ts'
import { sessionEventCommands } from './session-events.ts'

type SessionObject = Anthropic.Beta.Sessions.BetaManagedAgentsSession

const columns: Column<SessionObject>[] = [
  idColumn,
  { title: 'STATUS', value: ({ status }) => status },
  { title: 'AGENT', value: ({ agent }) => agent.name, flexible: true },
  { title: 'TITLE', value: ({ title }) => title, flexible: true },
  createdColumn,
  archivedColumn,
]

/** `holdfast sessions …` */
export function sessionCommands(program: Command): void {
  const group = program.command('sessions').alias('session').description('sessions: an agent at work, durable')
  sessionCreateCommand(group)
  sessionEventCommands(group)
  sessionAnswerCommands(group)
  listCommand(group)
  addResource<SessionObject>(group, {
    noun: 'session',
    nouns: 'sessions',
    columns,
    retrieve: (client, id) => client.beta.sessions.retrieve(id),
    archive: (client, id) => client.beta.sessions.archive(id),
    delete: (client, id) => client.beta.sessions.delete(id),
  })

  withFrom(withJson(group.command('update <id>').description('change the title, metadata or budget of a session')))
    .option('--title <title>')
    .option('--metadata <key=value>', 'may be repeated; an empty value takes the key away', collectPair)
    .option('--budget <dollars>', 'raise the list cost at which it stops', parseBudget)
    .option('--no-budget', 'let it cost what it costs')
    .action(
      async (
        id: string,
        flags: {
          title?: string
          metadata?: Record<string, string>
          budget?: ReturnType<typeof parseBudget> | false
          from?: string
          json?: boolean
        },
      ) => {
        const params = defined({
          ...(await givenObject(flags.from)),
          title: flags.title,
          metadata: metadataPatch(flags.metadata),
          budget: flags.budget === false ? null : flags.budget,
        })
        const session = await withApi(({ client }) => client.beta.sessions.update(id, defined(params), once()))
        new Output(flags).changed(session, `Updated session ${id}`)
      },
    )
}

function listCommand(group: Command): void {
  interface Flags extends ListFlags {
    status?: SessionObject['status'][]
    agent?: string
  }
  withListFlags(group.command('list').alias('ls').description('list sessions, the newest first'))
    .option('--archived', 'those that are archived too')
    .option('--status <status>', 'running, idle, rescheduling or terminated; may be repeated', collect)
    .option('--agent <id>', 'those of an agent')
    .action((flags: Flags) =>
      withApi(({ client }) => {
        const filters = defined({
          statuses: flags.status,
          agent_id: flags.agent,
          include_archived: flags.archived,
        }) as Anthropic.Beta.SessionListParams
        const items = limited(flags, (page) => client.beta.sessions.list({ ...page, ...filters }))
        return new Output(flags).list(items, columns, 'no sessions')
      }),
    )
}
