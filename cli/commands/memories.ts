import type { Command } from 'commander'
import { once, withApi } from '../api-client.ts'
import { exitCodes } from '../exit-codes.ts'
import { Failure } from '../failure.ts'
import { givenText, withJson } from '../options.ts'
import { Output } from '../output/output.ts'
import { bytes, relative } from '../output/times.ts'
import { type ListFlags, limited, withListFlags } from './resource.ts'

/** `holdfast memory-stores memories …`: the memories of a store, by their paths. */
export function memoryCommands(stores: Command): void {
  const group = stores.command('memories').description('the memories of a store, by their paths')

  withListFlags(group.command('list <store>').alias('ls').description('list the memories of a store'))
    .option('--prefix <path>', 'only those below this folder, such as /notes/')
    .action((store: string, flags: ListFlags & { prefix?: string }) =>
      withApi(({ client }) =>
        new Output(flags).list(
          memoriesOf(
            limited(flags, (page) =>
              client.beta.memoryStores.memories.list(store, {
                ...page,
                ...(flags.prefix !== undefined && { path_prefix: flags.prefix }),
              }),
            ),
          ),
          [
            { title: 'PATH', value: ({ path }) => path, flexible: true },
            {
              title: 'SIZE',
              value: ({ content_size_bytes }) => content_size_bytes,
              short: ({ content_size_bytes }) => bytes(content_size_bytes),
            },
            {
              title: 'UPDATED',
              value: ({ updated_at }) => updated_at,
              short: ({ updated_at }) => relative(updated_at),
            },
            { title: 'ID', value: ({ id }) => id },
          ],
          'no memories',
        ),
      ),
    )

  withJson(group.command('show <store> <path>').description('print a memory')).action(
    (store: string, path: string, flags: { json?: boolean }) =>
      withApi(async ({ client }) => {
        const { id } = await find(client, store, path)
        const memory = await client.beta.memoryStores.memories.retrieve(id, { memory_store_id: store })
        if (flags.json) new Output(flags).object(memory)
        else process.stdout.write(memory.content ?? '')
      }),
  )

  withJson(
    group
      .command('put <store> <path> <text>')
      .description('create or replace a memory; - reads standard input, @FILE a file'),
  ).action(async (store: string, path: string, text: string, flags: { json?: boolean }) => {
    const content = await givenText(text)
    await withApi(async ({ client }) => {
      const { memories } = client.beta.memoryStores
      const before = await find(client, store, path).catch((error) => {
        if (error instanceof Failure && error.exitCode === exitCodes.notFound) return undefined
        throw error
      })
      const memory = before
        ? await memories.update(before.id, { memory_store_id: store, content }, once())
        : await memories.create(store, { path, content }, once())
      new Output(flags).changed(memory, `Wrote ${memory.path} (${memory.id})`)
    })
  })

  withJson(group.command('delete <store> <path>').description('delete a memory; its versions stay')).action(
    (store: string, path: string, flags: { json?: boolean }) =>
      withApi(async ({ client }) => {
        const { id } = await find(client, store, path)
        const deleted = await client.beta.memoryStores.memories.delete(id, { memory_store_id: store })
        new Output(flags).changed(deleted, `Deleted ${path}`)
      }),
  )
}

type Client = Parameters<Parameters<typeof withApi>[0]>[0]['client']

async function find(client: Client, store: string, path: string) {
  // The folder of the path holds it; what lies deeper is left out.
  const folder = path.slice(0, path.lastIndexOf('/') + 1) || '/'
  const items = client.beta.memoryStores.memories.list(store, { path_prefix: folder, depth: 1, limit: 100 })
  for await (const memory of memoriesOf(items)) if (memory.path === path) return memory
  throw new Failure(
    `no memory ${path} in ${store}: see holdfast memory-stores memories list ${store}`,
    exitCodes.notFound,
  )
}

async function* memoriesOf<T extends { type: string }>(items: AsyncIterable<T>) {
  for await (const item of items) if (item.type === 'memory') yield item as Extract<T, { type: 'memory' }>
}
