import type Anthropic from '@anthropic-ai/sdk'
import type { Command } from 'commander'
import { once, withApi } from '../api-client.ts'
import {
  collect,
  collectPair,
  defined,
  givenObject,
  givenText,
  metadataPatch,
  parseCount,
  withFrom,
  withJson,
} from '../options.ts'
import { Output } from '../output/output.ts'
import {
  addResource,
  archivedColumn,
  createdColumn,
  idColumn,
  type ListFlags,
  limited,
  withListFlags,
} from './resource.ts'

interface AgentFlags {
  from?: string
  json?: boolean
  name?: string
  model?: string
  system?: string
  description?: string
  builtinTools?: boolean
  skill?: string[]
  metadata?: Record<string, string>
}

/** `holdfast agents …` */
export function agentCommands(program: Command): void {
  const group = program.command('agents').alias('agent').description('agents: versioned configurations')
  addResource<Anthropic.Beta.BetaManagedAgentsAgent>(group, {
    noun: 'agent',
    nouns: 'agents',
    columns: [
      idColumn,
      { title: 'NAME', value: ({ name }) => name, flexible: true },
      { title: 'MODEL', value: ({ model }) => model.id },
      { title: 'VERSION', value: ({ version }) => version },
      createdColumn,
      archivedColumn,
    ],
    list: (client, page) => client.beta.agents.list(page),
    retrieve: (client, id) => client.beta.agents.retrieve(id),
    archive: (client, id) => client.beta.agents.archive(id),
  })

  withAgentFlags(group.command('create').description('create an agent')).action(async (flags: AgentFlags) => {
    const params = await agentParams(flags)
    const agent = await withApi(({ client }) =>
      client.beta.agents.create(
        defined({
          ...params,
          metadata: flags.metadata ?? params.metadata,
        }) as unknown as Anthropic.Beta.AgentCreateParams,
        once(),
      ),
    )
    new Output(flags).changed(agent, `Created agent ${agent.id}`)
  })

  withAgentFlags(group.command('update <id>').description('make a new version of an agent'))
    .option('--if-version <version>', 'only when this is the newest version', parseCount)
    .action(async (id: string, flags: AgentFlags & { ifVersion?: number }) => {
      const params = await agentParams(flags)
      const agent = await withApi(({ client }) =>
        client.beta.agents.update(
          id,
          defined({
            ...params,
            metadata: metadataPatch(flags.metadata) ?? params.metadata,
            version: flags.ifVersion ?? params.version,
          }) as unknown as Anthropic.Beta.AgentUpdateParams,
          once(),
        ),
      )
      new Output(flags).changed(agent, `Agent ${agent.id} is at version ${agent.version}`)
    })

  withListFlags(group.command('versions <id>').description('list the versions of an agent')).action(
    (id: string, flags: ListFlags) =>
      withApi(({ client }) =>
        new Output(flags).list(
          limited(flags, (page) => client.beta.agents.versions.list(id, page)),
          [
            { title: 'VERSION', value: ({ version }) => version },
            { title: 'NAME', value: ({ name }) => name, flexible: true },
            { title: 'MODEL', value: ({ model }) => model.id },
            { ...createdColumn, value: ({ updated_at }) => updated_at },
          ],
          'no versions',
        ),
      ),
  )
}

const withAgentFlags = (command: Command) =>
  withFrom(withJson(command))
    .option('--name <name>')
    .option('--model <model>', 'such as claude-opus-5')
    .option('--system <text>', 'system prompt; @FILE reads a file, - standard input')
    .option('--description <text>')
    .option('--builtin-tools', 'give it the built-in tools (agent_toolset_20260401), in the place of others')
    .option(
      '--skill <id>',
      'of a skill, @VERSION behind it for another than the newest; may be repeated, in the place of others',
      collect,
    )
    .option('--metadata <key=value>', 'may be repeated', collectPair)

async function agentParams({ from, name, model, system, description, builtinTools, skill }: AgentFlags) {
  return {
    ...(await givenObject(from)),
    ...defined({
      name,
      model,
      system: system === undefined ? undefined : await givenText(system),
      description,
      skills: skill?.map(skillOf),
      tools: builtinTools ? [{ type: 'agent_toolset_20260401' }] : undefined,
    }),
  } as Record<string, unknown>
}

function skillOf(text: string): object {
  const [skill_id, version] = text.split('@')
  return { type: 'custom', skill_id, ...(version !== undefined && { version }) }
}
