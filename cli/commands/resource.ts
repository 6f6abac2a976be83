import type Anthropic from '@anthropic-ai/sdk'
import type { Command } from 'commander'
import { withApi } from '../api-client.ts'
import { stateRequest } from '../failure.ts'
import { parseCount, withJson } from '../options.ts'
import { first, Output } from '../output/output.ts'
import type { Column } from '../output/table.ts'
import { relative } from '../output/times.ts'

type WithId = { id: string }

/** What the commands of a kind of object have in common. */
export interface ResourceOptions<T extends WithId> {
  /** What one is called, and what many are. */
  noun: string
  nouns: string
  columns: Column<T>[]
  /** Absent where a kind has a list of its own. */
  list?(client: Anthropic, options: { limit: number; include_archived?: boolean }): AsyncIterable<T>
  retrieve(client: Anthropic, id: string): PromiseLike<T>
  archive?(client: Anthropic, id: string): PromiseLike<T>
  delete?(client: Anthropic, id: string): PromiseLike<WithId>
}

/** The flags of a list. */
export interface ListFlags {
  limit: number
  all?: boolean
  archived?: boolean
  json?: boolean
}

const pageSize = 100

export function withListFlags(command: Command): Command {
  return withJson(command)
    .option('-n, --limit <count>', 'how many at most', parseCount, 50)
    .option('--all', 'without a limit')
}

/** Items within the limit; the page size follows it. */
export function limited<T>(flags: ListFlags, list: (page: { limit: number }) => AsyncIterable<T>): AsyncIterable<T> {
  const count = flags.all ? Number.POSITIVE_INFINITY : flags.limit
  return first(list({ limit: Math.min(count, pageSize) }), count)
}

/** Adds `list`, `show`, `archive` and `delete` to a group. */
export function addResource<T extends WithId>(group: Command, options: ResourceOptions<T>): void {
  const { noun, nouns } = options
  addList(group, options)
  withJson(group.command('show <id>').description(`show ${withArticle(noun)}`)).action(async (id, flags) => {
    new Output(flags).object(await withApi(async ({ client }) => options.retrieve(client, id)))
  })
  const { archive, delete: remove } = options
  if (archive) {
    withJson(group.command('archive <ids...>').description(`archive ${nouns}: nothing new uses them`)).action(
      async (ids: string[], flags) => {
        const output = new Output(flags)
        for (const id of ids) {
          output.changed(await withApi(({ client }) => stateRequest(archive(client, id))), `Archived ${noun} ${id}`)
        }
      },
    )
  }
  if (remove) {
    withJson(group.command('delete <ids...>').description(`delete ${nouns} for good`)).action(
      async (ids: string[], flags) => {
        const output = new Output(flags)
        for (const id of ids) {
          output.changed(await withApi(({ client }) => stateRequest(remove(client, id))), `Deleted ${noun} ${id}`)
        }
      },
    )
  }
}

function addList<T extends WithId>(group: Command, { nouns, columns, list, archive }: ResourceOptions<T>): void {
  if (!list) return
  const command = withListFlags(group.command('list').alias('ls').description(`list ${nouns}, the newest first`))
  if (archive) command.option('--archived', 'those that are archived too')
  command.action((flags: ListFlags) =>
    withApi(({ client }) => {
      const archived = flags.archived && { include_archived: true }
      const items = limited(flags, (page) => list(client, { ...page, ...archived }))
      return new Output(flags).list(items, columns, `no ${nouns}`)
    }),
  )
}

const withArticle = (noun: string) => `${/^[aeiou]/.test(noun) ? 'an' : 'a'} ${noun}`

/** Columns that many kinds have. */
export const idColumn: Column<WithId> = { title: 'ID', value: ({ id }) => id }
export const createdColumn: Column<{ created_at: string }> = {
  title: 'CREATED',
  value: ({ created_at }) => created_at,
  short: ({ created_at }) => relative(created_at),
}
export const archivedColumn: Column<{ archived_at?: string | null }> = {
  title: 'ARCHIVED',
  value: ({ archived_at }) => archived_at,
  short: ({ archived_at }) => relative(archived_at),
}
