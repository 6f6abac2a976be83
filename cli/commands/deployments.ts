import type Anthropic from '@anthropic-ai/sdk'
import type { Command } from 'commander'
import { once, withApi } from '../api-client.ts'
import { stateRequest, usageError } from '../failure.ts'
import {
  collect,
  collectPair,
  defined,
  givenObject,
  givenText,
  metadataPatch,
  parseBudget,
  withFrom,
  withJson,
} from '../options.ts'
import { Output } from '../output/output.ts'
import { cronText, relative } from '../output/times.ts'
import {
  addResource,
  archivedColumn,
  createdColumn,
  idColumn,
  type ListFlags,
  limited,
  withListFlags,
} from './resource.ts'

type Deployment = Anthropic.Beta.BetaManagedAgentsDeployment
type Run = Anthropic.Beta.BetaManagedAgentsDeploymentRun

interface DeploymentFlags {
  from?: string
  json?: boolean
  name?: string
  description?: string
  agent?: string
  environment?: string
  message?: string
  cron?: string
  timezone?: string
  /** `--no-schedule` makes it false. */
  schedule?: boolean
  file?: string[]
  vault?: string[]
  budget?: ReturnType<typeof parseBudget>
  metadata?: Record<string, string>
}

/** `holdfast deployments …` */
export function deploymentCommands(program: Command): void {
  const group = program
    .command('deployments')
    .alias('deployment')
    .description('deployments: what sessions are made of, on demand and by the clock')
  addResource<Deployment>(group, {
    noun: 'deployment',
    nouns: 'deployments',
    columns: [
      idColumn,
      { title: 'NAME', value: ({ name }) => name, flexible: true },
      { title: 'STATUS', value: ({ status }) => status },
      { title: 'WHEN', value: ({ schedule }) => (schedule ? cronText(schedule) : 'on demand') },
      {
        title: 'NEXT',
        value: ({ schedule }) => schedule?.upcoming_runs_at?.[0],
        short: ({ schedule }) => relative(schedule?.upcoming_runs_at?.[0]),
      },
      createdColumn,
      archivedColumn,
    ],
    list: (client, page) => client.beta.deployments.list(page),
    retrieve: (client, id) => client.beta.deployments.retrieve(id),
    archive: (client, id) => client.beta.deployments.archive(id),
  })

  withDeploymentFlags(group.command('create').description('create a deployment')).action(
    async (flags: DeploymentFlags) => {
      const params = await paramsOf(flags, flags.metadata)
      if (!params.agent) throw usageError('--agent is missing: see holdfast agents list')
      if (!params.environment_id) throw usageError('--environment is missing: see holdfast environments list')
      const deployment = await withApi(({ client }) =>
        client.beta.deployments.create(params as unknown as Anthropic.Beta.DeploymentCreateParams, once()),
      )
      const next = relative(deployment.schedule?.upcoming_runs_at?.[0])
      new Output(flags).changed(deployment, `Created deployment ${deployment.id}${next && `, next ${next}`}`)
    },
  )

  withDeploymentFlags(group.command('update <id>').description('change a deployment'))
    .option('--no-schedule', 'run it on demand alone')
    .action(async (id: string, flags: DeploymentFlags) => {
      const params = await paramsOf(flags, metadataPatch(flags.metadata))
      const deployment = await withApi(({ client }) =>
        client.beta.deployments.update(id, params as Anthropic.Beta.DeploymentUpdateParams, once()),
      )
      new Output(flags).changed(deployment, `Updated deployment ${id}`)
    })

  stateCommands(group)
  runCommands(group)
}

function stateCommands(group: Command): void {
  const actions = { pause: 'let the clock make no more runs', unpause: 'let the clock make runs again' } as const
  for (const [action, description] of Object.entries(actions) as [keyof typeof actions, string][]) {
    withJson(group.command(`${action} <id>`).description(description)).action(async (id: string, flags) => {
      const deployment = await withApi(({ client }) => stateRequest(client.beta.deployments[action](id)))
      new Output(flags).changed(deployment, `Deployment ${id} is ${deployment.status}`)
    })
  }
}

function runCommands(group: Command): void {
  withJson(group.command('run <id>').description('make a session of a deployment now')).action(
    async (id: string, flags: { json?: boolean }) => {
      const run = await withApi(({ client }) => client.beta.deployments.run(id, {}, once()))
      const made = run.session_id ? `Created session ${run.session_id}` : `No session: ${run.error?.message}`
      new Output(flags).changed(run, made)
    },
  )
  withListFlags(group.command('runs [id]').description('list the runs of a deployment, or of all, the newest first'))
    .option('--failed', 'only those without a session')
    .action((id: string | undefined, flags: ListFlags & { failed?: boolean }) =>
      withApi(({ client }) => {
        const filter = defined({ deployment_id: id, has_error: flags.failed })
        const runs = limited(flags, (page) => client.beta.deploymentRuns.list({ ...page, ...filter }))
        return new Output(flags).list<Run>(
          runs,
          [
            idColumn,
            { title: 'DEPLOYMENT', value: ({ deployment_id }) => deployment_id },
            { title: 'BY', value: ({ trigger_context }) => trigger_context.type },
            { title: 'SESSION', value: ({ session_id }) => session_id },
            { title: 'ERROR', value: ({ error }) => error?.message, flexible: true },
            createdColumn,
          ],
          'no runs',
        )
      }),
    )
}

const withDeploymentFlags = (command: Command): Command =>
  withFrom(withJson(command))
    .option('--name <name>')
    .option('--description <text>')
    .option('--agent <id>', 'an agent, in its version of now')
    .option('--environment <id>')
    .option('-m, --message <text>', 'what each session is told first; - reads standard input, @FILE a file')
    .option('--cron <expression>', 'five fields, such as "0 6 * * 1-5"')
    .option('--timezone <name>', 'of --cron, such as Europe/Oslo (UTC)')
    .option('--file <id:mount>', 'the id of a file, and its path there; repeatable', collect)
    .option('--vault <id>', 'credentials that sessions may use; repeatable', collect)
    .option('--budget <dollars>', 'stop a session when its list cost has reached this', parseBudget)
    .option('--metadata <key=value>', 'may be repeated', collectPair)

/** The parameters of the API, from options and `--from`. */
async function paramsOf(flags: DeploymentFlags, metadata: object | undefined): Promise<Record<string, unknown>> {
  const { name, description, agent, environment, message, file, vault, budget } = flags
  const text = message === undefined ? undefined : await givenText(message)
  return {
    ...(await givenObject(flags.from)),
    ...defined({
      name,
      description,
      agent,
      environment_id: environment,
      initial_events: text === undefined ? undefined : [{ type: 'user.message', content: [{ type: 'text', text }] }],
      schedule: scheduleOf(flags),
      resources: file?.map(fileResource),
      vault_ids: vault,
      budget,
      metadata,
    }),
  }
}

function scheduleOf({ cron, timezone, schedule }: DeploymentFlags): object | null | undefined {
  if (schedule === false) {
    if (cron !== undefined) throw usageError('--cron and --no-schedule exclude each other')
    return null
  }
  if (timezone !== undefined && cron === undefined) throw usageError('--timezone goes with --cron')
  return cron === undefined ? undefined : { type: 'cron', expression: cron, timezone: timezone ?? 'UTC' }
}

function fileResource(text: string): object {
  const at = text.indexOf(':')
  const [file_id, mount_path] = at < 0 ? [text, undefined] : [text.slice(0, at), text.slice(at + 1)]
  return defined({ type: 'file', file_id, mount_path })
}
