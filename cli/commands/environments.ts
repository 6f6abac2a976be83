import type Anthropic from '@anthropic-ai/sdk'
import type { Command } from 'commander'
import { once, withApi } from '../api-client.ts'
import { collectPair, defined, givenObject, metadataPatch, withFrom, withJson } from '../options.ts'
import { Output } from '../output/output.ts'
import { addResource, archivedColumn, createdColumn, idColumn } from './resource.ts'

interface EnvironmentFlags {
  from?: string
  json?: boolean
  name?: string
  description?: string
  metadata?: Record<string, string>
}

/** `holdfast environments …` */
export function environmentCommands(program: Command): void {
  const group = program
    .command('environments')
    .alias('environment')
    .description('environments: where the tools of sessions run')
  addResource<Anthropic.Beta.BetaEnvironment>(group, {
    noun: 'environment',
    nouns: 'environments',
    columns: [idColumn, { title: 'NAME', value: ({ name }) => name, flexible: true }, createdColumn, archivedColumn],
    list: (client, page) => client.beta.environments.list(page),
    retrieve: (client, id) => client.beta.environments.retrieve(id),
    archive: (client, id) => client.beta.environments.archive(id),
    delete: (client, id) => client.beta.environments.delete(id),
  })

  withEnvironmentFlags(group.command('create').description('create an environment')).action(
    async (flags: EnvironmentFlags) => {
      const params = await environmentParams(flags, flags.metadata)
      const environment = await withApi(({ client }) =>
        client.beta.environments.create(params as unknown as Anthropic.Beta.EnvironmentCreateParams, once()),
      )
      new Output(flags).changed(environment, `Created environment ${environment.id}`)
    },
  )

  withEnvironmentFlags(group.command('update <id>').description('change an environment')).action(
    async (id: string, flags: EnvironmentFlags) => {
      const params = await environmentParams(flags, metadataPatch(flags.metadata))
      const environment = await withApi(({ client }) =>
        client.beta.environments.update(id, params as Anthropic.Beta.EnvironmentUpdateParams, once()),
      )
      new Output(flags).changed(environment, `Updated environment ${id}`)
    },
  )
}

const withEnvironmentFlags = (command: Command) =>
  withFrom(withJson(command))
    .option('--name <name>')
    .option('--description <text>')
    .option('--metadata <key=value>', 'may be repeated', collectPair)

async function environmentParams({ from, name, description }: EnvironmentFlags, metadata: object | undefined) {
  return { ...(await givenObject(from)), ...defined({ name, description, metadata }) } as Record<string, unknown>
}
