import type Anthropic from '@anthropic-ai/sdk'
import type { Command } from 'commander'
import { once, withApi } from '../api-client.ts'
import { collectPair, defined, givenObject, metadataPatch, withFrom, withJson } from '../options.ts'
import { Output } from '../output/output.ts'
import { credentialCommands } from './credentials.ts'
import { addResource, archivedColumn, createdColumn, idColumn } from './resource.ts'

interface VaultFlags {
  from?: string
  json?: boolean
  name?: string
  metadata?: Record<string, string>
}

/** `holdfast vaults …` */
export function vaultCommands(program: Command): void {
  const group = program
    .command('vaults')
    .alias('vault')
    .description('vaults: credentials that sessions use and never see')
  addResource<Anthropic.Beta.BetaManagedAgentsVault>(group, {
    noun: 'vault',
    nouns: 'vaults',
    columns: [
      idColumn,
      { title: 'NAME', value: ({ display_name }) => display_name, flexible: true },
      createdColumn,
      archivedColumn,
    ],
    list: (client, page) => client.beta.vaults.list(page),
    retrieve: (client, id) => client.beta.vaults.retrieve(id),
    archive: (client, id) => client.beta.vaults.archive(id),
    delete: (client, id) => client.beta.vaults.delete(id),
  })

  withVaultFlags(group.command('create').description('create a vault')).action(async (flags: VaultFlags) => {
    const params = await vaultParams(flags, flags.metadata)
    const vault = await withApi(({ client }) =>
      client.beta.vaults.create(params as unknown as Anthropic.Beta.VaultCreateParams, once()),
    )
    new Output(flags).changed(vault, `Created vault ${vault.id}`)
  })

  withVaultFlags(group.command('update <id>').description('change a vault')).action(
    async (id: string, flags: VaultFlags) => {
      const params = await vaultParams(flags, metadataPatch(flags.metadata))
      const vault = await withApi(({ client }) =>
        client.beta.vaults.update(id, params as Anthropic.Beta.VaultUpdateParams, once()),
      )
      new Output(flags).changed(vault, `Updated vault ${id}`)
    },
  )

  credentialCommands(group)
}

const withVaultFlags = (command: Command) =>
  withFrom(withJson(command)).option('--name <name>').option('--metadata <key=value>', 'may be repeated', collectPair)

async function vaultParams({ from, name, metadata: _metadata }: VaultFlags, metadata: object | undefined) {
  return { ...(await givenObject(from)), ...defined({ display_name: name, metadata }) } as Record<string, unknown>
}
