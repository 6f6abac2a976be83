import type Anthropic from '@anthropic-ai/sdk'
import type { Command } from 'commander'
import { once, withApi } from '../api-client.ts'
import { collectPair, defined, givenObject, metadataPatch, withFrom, withJson } from '../options.ts'
import { Output } from '../output/output.ts'
import { memoryCommands } from './memories.ts'
import { addResource, archivedColumn, createdColumn, idColumn } from './resource.ts'

interface StoreFlags {
  from?: string
  json?: boolean
  name?: string
  description?: string
  metadata?: Record<string, string>
}

/** `holdfast memory-stores …` */
export function memoryStoreCommands(program: Command): void {
  const group = program
    .command('memory-stores')
    .alias('memory-store')
    .description('memory stores: folders that sessions share and remember by')
  addResource<Anthropic.Beta.BetaManagedAgentsMemoryStore>(group, {
    noun: 'memory store',
    nouns: 'memory stores',
    columns: [
      idColumn,
      { title: 'NAME', value: ({ name }) => name, flexible: true },
      { title: 'DESCRIPTION', value: ({ description }) => description, flexible: true },
      createdColumn,
      archivedColumn,
    ],
    list: (client, page) => client.beta.memoryStores.list(page),
    retrieve: (client, id) => client.beta.memoryStores.retrieve(id),
    archive: (client, id) => client.beta.memoryStores.archive(id),
    delete: (client, id) => client.beta.memoryStores.delete(id),
  })

  withStoreFlags(group.command('create').description('create a memory store')).action(async (flags: StoreFlags) => {
    const params = await storeParams(flags, flags.metadata)
    const store = await withApi(({ client }) =>
      client.beta.memoryStores.create(params as unknown as Anthropic.Beta.MemoryStoreCreateParams, once()),
    )
    new Output(flags).changed(store, `Created memory store ${store.id}`)
  })

  withStoreFlags(group.command('update <id>').description('change a memory store')).action(
    async (id: string, flags: StoreFlags) => {
      const params = await storeParams(flags, metadataPatch(flags.metadata))
      const store = await withApi(({ client }) =>
        client.beta.memoryStores.update(id, params as Anthropic.Beta.MemoryStoreUpdateParams, once()),
      )
      new Output(flags).changed(store, `Updated memory store ${id}`)
    },
  )

  memoryCommands(group)
}

const withStoreFlags = (command: Command) =>
  withFrom(withJson(command))
    .option('--name <name>')
    .option('--description <text>', 'what the agent is told of it')
    .option('--metadata <key=value>', 'may be repeated', collectPair)

async function storeParams({ from, name, description }: StoreFlags, metadata: object | undefined) {
  return { ...(await givenObject(from)), ...defined({ name, description, metadata }) } as Record<string, unknown>
}
