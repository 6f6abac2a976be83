import type Anthropic from '@anthropic-ai/sdk'
import type { Command } from 'commander'
import { once, withApi } from '../api-client.ts'
import { stateRequest, usageError } from '../failure.ts'
import { defined, givenObject, givenText, withFrom, withJson } from '../options.ts'
import { Output } from '../output/output.ts'
import { archivedColumn, createdColumn, idColumn, type ListFlags, limited, withListFlags } from './resource.ts'

interface CredentialFlags {
  from?: string
  json?: boolean
  name?: string
  server?: string
  token?: string
}

/** `holdfast vaults credentials …`: secrets come from standard input or a file, never from the command line. */
export function credentialCommands(vaults: Command): void {
  const group = vaults.command('credentials').description('the credentials of a vault; secrets are never shown')

  withListFlags(group.command('list <vault>').alias('ls').description('list the credentials of a vault'))
    .option('--archived', 'those that are archived too')
    .action((vault: string, flags: ListFlags) =>
      withApi(({ client }) =>
        new Output(flags).list(
          limited(flags, (page) =>
            client.beta.vaults.credentials.list(vault, { ...page, ...(flags.archived && { include_archived: true }) }),
          ),
          [
            idColumn,
            { title: 'NAME', value: ({ display_name }) => display_name, flexible: true },
            { title: 'TYPE', value: ({ auth }) => auth.type },
            {
              title: 'FOR',
              value: ({ auth }) => (auth.type === 'environment_variable' ? auth.secret_name : auth.mcp_server_url),
              flexible: true,
            },
            createdColumn,
            archivedColumn,
          ],
          'no credentials',
        ),
      ),
    )

  withJson(group.command('show <vault> <id>').description('show a credential, without its secret')).action(
    async (vault: string, id: string, flags) => {
      const credential = await withApi(({ client }) => client.beta.vaults.credentials.retrieve(id, { vault_id: vault }))
      new Output(flags).object(credential)
    },
  )

  withFrom(withJson(group.command('create <vault>').description('add a credential to a vault')))
    .option('--name <name>')
    .option('--server <url>', 'MCP server that gets the token')
    .option('--token <source>', 'bearer token for --server: - reads standard input, @FILE a file')
    .action(async (vault: string, flags: CredentialFlags) => {
      const params = defined({ ...(await givenObject(flags.from)), display_name: flags.name, ...(await bearer(flags)) })
      const credential = await withApi(({ client }) =>
        client.beta.vaults.credentials.create(
          vault,
          params as unknown as Anthropic.Beta.Vaults.CredentialCreateParams,
          once(),
        ),
      )
      new Output(flags).changed(credential, `Created credential ${credential.id}`)
    })

  for (const action of ['archive', 'delete'] as const) {
    withJson(
      group.command(`${action} <vault> <id>`).description(`${action} a credential; its secret is removed`),
    ).action(async (vault: string, id: string, flags) => {
      const gone = await withApi<{ id: string }>(({ client }) =>
        stateRequest<{ id: string }>(client.beta.vaults.credentials[action](id, { vault_id: vault })),
      )
      new Output(flags).changed(gone, `${action === 'archive' ? 'Archived' : 'Deleted'} credential ${id}`)
    })
  }
}

async function bearer({ server, token }: CredentialFlags): Promise<object> {
  if (server === undefined && token === undefined) return {}
  if (server === undefined || token === undefined) throw usageError('--server and --token go together')
  // Other users of the machine see command lines, and shells keep them.
  if (token !== '-' && !token.startsWith('@')) throw usageError('--token: expected - (standard input) or @FILE')
  return { auth: { type: 'static_bearer', mcp_server_url: server, token: (await givenText(token)).trim() } }
}
