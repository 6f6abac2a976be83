import { readdir, readFile } from 'node:fs/promises'
import path from 'node:path'
import type { Payload, PayloadCodec } from '@temporalio/common'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { converse, lastText, listed, typesOf } from '../support/conversation.ts'
import { startTestHost, type TestHost } from '../support/host.ts'
import { said, startMcpServer, type TestMcpServer } from '../support/mcp-server.ts'
import {
  startTokenEndpoint,
  type TokenAnswer,
  type TokenEndpoint,
  type TokenRequest,
} from '../support/token-endpoint.ts'

let host: TestHost
let server: TestMcpServer
let endpoint: TokenEndpoint
/** Tokens that the server takes now. */
let tokens: string[] = []
let answer: (request: TokenRequest, count: number) => TokenAnswer

beforeAll(async () => {
  host = await startTestHost({ config: { egress: { allowPrivate: ['127.0.0.1'] }, worker: { processes: 2 } } })
  server = await startMcpServer({
    tokens: () => tokens,
    tools: [
      { name: 'whoami', run: () => said('somebody known') },
      { name: 'leak', run: () => said(`your token is ${server.authorizations.at(-1)}`) },
    ],
  })
  endpoint = await startTokenEndpoint((request, count) => answer(request, count))
})
afterAll(async () => {
  await host?.remove()
  await server?.close()
  await endpoint?.close()
})

async function vaultWith(auth: object): Promise<string> {
  const vault = await host.client.beta.vaults.create({ display_name: 'v' })
  await host.client.beta.vaults.credentials.create(vault.id, { auth: auth as never })
  return vault.id
}
const bearer = (token: string) => ({ type: 'static_bearer', mcp_server_url: server.url, token })
const oauth = (access_token: string, refresh_token: string) => ({
  type: 'mcp_oauth',
  mcp_server_url: server.url,
  access_token,
  refresh: { token_endpoint: endpoint.url, client_id: 'c', refresh_token, token_endpoint_auth: { type: 'none' } },
})

async function sessionWith(vault_ids: string[]) {
  const agent = await host.client.beta.agents.create({
    name: 'Connected',
    model: 'claude-opus-5',
    tools: [
      { type: 'agent_toolset_20260401' },
      {
        type: 'mcp_toolset',
        mcp_server_name: 'private',
        default_config: { permission_policy: { type: 'always_allow' } },
      },
    ],
    mcp_servers: [{ type: 'url', name: 'private', url: server.url }],
  })
  return host.client.beta.sessions.create({ agent: agent.id, environment_id: host.environment, vault_ids })
}
const call = '#tool mcp__private__whoami {}\n#say {{last}}'
const errorsOf = (events: { type: string }[]) =>
  events.filter((event) => event.type === 'session.error').map((event) => (event as unknown as { error: object }).error)

describe('a server that wants a token', () => {
  it("gets that of the session's vault", async () => {
    tokens = ['bearer-needle-1']
    const session = await sessionWith([await vaultWith(bearer('bearer-needle-1'))])
    const events = await converse(host.client, session.id, call)
    expect(lastText(events)).toContain('somebody known')
    expect(errorsOf(events)).toEqual([])
  })

  it('and gets none, or a wrong one, is done without; the session says so once and goes on', async () => {
    tokens = ['bearer-needle-2']
    for (const vaults of [[], [await vaultWith(bearer('bearer-needle-wrong'))]]) {
      const session = await sessionWith(vaults)
      const events = await converse(host.client, session.id, '#bash echo a\n#bash echo b\n#say {{last}}')
      expect(errorsOf(events)).toEqual([
        {
          type: 'mcp_authentication_failed_error',
          mcp_server_name: 'private',
          message: expect.stringContaining('401'),
          retry_status: { type: 'retrying' },
        },
      ])
      expect(lastText(events)).toContain('b')
    }
  })

  it('gets a token that was given to a running session at once', async () => {
    tokens = ['bearer-needle-3']
    const vault = await vaultWith(bearer('bearer-needle-old'))
    const session = await sessionWith([vault])
    expect(errorsOf(await converse(host.client, session.id, '#say hello'))).toHaveLength(1)
    const [credential] = (await host.client.beta.vaults.credentials.list(vault)).data
    await host.client.beta.vaults.credentials.update(credential!.id, {
      vault_id: vault,
      auth: { type: 'static_bearer', token: 'bearer-needle-3' },
    })
    expect(lastText(await converse(host.client, session.id, call))).toContain('somebody known')
  })

  it('and refuses an OAuth token is given a new one, and the call succeeds', async () => {
    tokens = ['access-needle-1']
    answer = () => ({ body: { access_token: 'access-needle-1', refresh_token: 'refresh-needle-1', expires_in: 3600 } })
    const before = endpoint.requests.length
    const session = await sessionWith([await vaultWith(oauth('access-needle-0', 'refresh-needle-0'))])
    expect(lastText(await converse(host.client, session.id, call))).toContain('somebody known')
    expect(endpoint.requests.slice(before).map(({ form }) => form.refresh_token)).toEqual(['refresh-needle-0'])
    // In the middle of a connection too.
    tokens = ['access-needle-2']
    answer = () => ({ body: { access_token: 'access-needle-2' } })
    const events = await converse(host.client, session.id, call)
    expect(lastText(events)).toContain('somebody known')
    expect(errorsOf(events)).toEqual([])
    expect(endpoint.requests.slice(before).map(({ form }) => form.refresh_token)).toEqual([
      'refresh-needle-0',
      'refresh-needle-1',
    ])
  })

  it('whose refresh token is refused is done without', async () => {
    tokens = ['nobody-has-this']
    answer = () => ({ status: 400, body: { error: 'invalid_grant' } })
    const session = await sessionWith([await vaultWith(oauth('access-needle-9', 'refresh-needle-9'))])
    const events = await converse(host.client, session.id, '#say going on')
    expect(errorsOf(events)).toMatchObject([{ type: 'mcp_authentication_failed_error' }])
    expect(JSON.stringify(events)).toContain('invalid_grant')
    expect(lastText(events)).toContain('going on')
  })

  it('is asked by many sessions at once after its token ran out: the refresh token is spent once', async () => {
    tokens = ['access-needle-20']
    let count = 0
    answer = () => {
      count++
      return { body: { access_token: 'access-needle-20', refresh_token: `refresh-needle-2${count}` } }
    }
    const vault = await vaultWith(oauth('access-needle-19', 'refresh-needle-19'))
    const sessions = await Promise.all(Array.from({ length: 6 }, () => sessionWith([vault])))
    const turns = await Promise.all(sessions.map(({ id }) => converse(host.client, id, call)))
    for (const events of turns) expect(lastText(events)).toContain('somebody known')
    expect(count).toBe(1)
  })

  it('and repeats the token it was given does not get it to the model', async () => {
    tokens = ['bearer-needle-4']
    const session = await sessionWith([await vaultWith(bearer('bearer-needle-4'))])
    const events = await converse(host.client, session.id, '#tool mcp__private__leak {}\n#say {{last}}')
    expect(lastText(events)).toContain('your token is Bearer [secret]')
    expect(typesOf(events)).toContain('agent.mcp_tool_result')
  })
})

describe('the secrets of all that', () => {
  it('are in no event, no request to the model, no log, no history and no file', async () => {
    const needle = /(access|refresh|bearer)-needle/
    expect(needle.test(JSON.stringify(host.model.requests.map(({ body }) => body)))).toBe(false)
    expect(host.lines.join('\n')).not.toMatch(needle)
    const { connection, namespace, codec } = host.holdfast.runtime
    for await (const { id } of host.client.beta.sessions.list()) {
      expect(JSON.stringify(await listed(host.client, id))).not.toMatch(needle)
      const { history } = await connection.workflowService.getWorkflowExecutionHistory({
        namespace,
        execution: { workflowId: id },
      })
      const decoded = JSON.stringify(await readable(history, codec), (_key, value) =>
        typeof value === 'bigint' ? `${value}` : value,
      )
      expect(decoded).toContain('callModel')
      expect(decoded).not.toMatch(needle)
    }
    let files = 0
    for (const entry of await readdir(host.dataDir, { recursive: true, withFileTypes: true })) {
      if (!entry.isFile()) continue
      const content = await readFile(path.join(entry.parentPath, entry.name)).catch(() => undefined)
      if (!content) continue
      files++
      expect(needle.test(content.toString('latin1')), entry.name).toBe(false)
    }
    expect(files).toBeGreaterThan(2)
  })
})

/** A history with every payload as text. */
async function readable(value: unknown, codec: PayloadCodec): Promise<unknown> {
  if (typeof value !== 'object' || value === null) return value
  if (Array.isArray(value)) return Promise.all(value.map((part) => readable(part, codec)))
  if ('data' in value && 'metadata' in value) {
    const [payload] = await codec.decode([value as Payload])
    return Buffer.from(payload?.data ?? []).toString('utf8')
  }
  const entries = Object.entries(value).map(async ([key, part]) => [key, await readable(part, codec)] as const)
  return Object.fromEntries(await Promise.all(entries))
}
