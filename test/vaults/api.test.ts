import { readdir, readFile } from 'node:fs/promises'
import path from 'node:path'
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest'
import { environmentCredentials } from '../../activities/vaults/environment-credentials.ts'
import { startTestHost, type TestHost } from '../support/host.ts'
import { said, startMcpServer } from '../support/mcp-server.ts'
import { sdkRefusal } from '../support/sdk-refusal.ts'
import { startTokenEndpoint, type TokenAnswer, type TokenRequest } from '../support/token-endpoint.ts'

let host: TestHost
beforeAll(async () => {
  host = await startTestHost({ config: { egress: { allowPrivate: ['127.0.0.1'] } } })
})
afterAll(() => host?.remove())

const api = () => host.client.beta.vaults
const newVault = () => api().create({ display_name: 'Mine' })
const bearer = (token: string, url = 'https://mcp.example.com/mcp') => ({
  auth: { type: 'static_bearer' as const, mcp_server_url: url, token },
})
const variable = (secret_name: string, secret_value = 'top-secret-value') => ({
  auth: {
    type: 'environment_variable' as const,
    secret_name,
    secret_value,
    networking: { type: 'limited' as const, allowed_hosts: ['api.example.com', '*.example.org', '192.0.2.1'] },
  },
})

describe('a vault', () => {
  it('is created, retrieved, updated, listed newest first, archived and deleted', async () => {
    const vault = await api().create({ display_name: 'One', metadata: { team: 'a' } })
    expect(vault).toMatchObject({ type: 'vault', display_name: 'One', metadata: { team: 'a' }, archived_at: null })
    expect(vault.id).toMatch(/^vlt_/)
    expect(await api().retrieve(vault.id)).toEqual(vault)
    const updated = await api().update(vault.id, { display_name: 'Two', metadata: { team: null, use: 'x' } })
    expect(updated).toMatchObject({ display_name: 'Two', metadata: { use: 'x' } })
    const second = await newVault()
    const ids = async (include_archived = false) => {
      const found: string[] = []
      for await (const { id } of api().list({ limit: 1, include_archived })) found.push(id)
      return found.filter((id) => id === vault.id || id === second.id)
    }
    expect(await ids()).toEqual([second.id, vault.id])
    const archived = await api().archive(vault.id)
    expect(archived.archived_at).not.toBeNull()
    expect(await api().archive(vault.id)).toEqual(archived)
    expect(await ids()).toEqual([second.id])
    expect(await ids(true)).toEqual([second.id, vault.id])
    expect(await sdkRefusal(api().update(vault.id, { display_name: 'x' }))).toMatchObject({ status: 400 })
    expect(await api().delete(vault.id)).toEqual({ id: vault.id, type: 'vault_deleted' })
    expect(await sdkRefusal(api().retrieve(vault.id))).toMatchObject({ status: 404 })
  })

  it.each<[object, string]>([
    [{}, 'display_name'],
    [{ display_name: '' }, 'display_name'],
    [{ display_name: 'x'.repeat(256) }, 'display_name'],
    [{ display_name: 'x', metadata: { a: 1 } }, 'metadata.a'],
    [{ display_name: 'x', other: 1 }, 'other'],
  ])('is not created from %j', async (params, field) => {
    const refused = await sdkRefusal(api().create(params as never))
    expect(refused).toMatchObject({ status: 400, type: 'invalid_request_error' })
    expect(refused.message).toContain(field)
  })

  it('archives its credentials with it and purges their secrets; running sessions keep it, new ones cannot have it', async () => {
    const vault = await newVault()
    const credential = await api().credentials.create(vault.id, bearer('tok-archive'))
    const session = await host.client.beta.sessions.create({
      agent: host.agent,
      environment_id: host.environment,
      vault_ids: [vault.id],
    })
    expect(session.vault_ids).toEqual([vault.id])
    await api().archive(vault.id)
    expect((await api().credentials.retrieve(credential.id, { vault_id: vault.id })).archived_at).not.toBeNull()
    expect((await host.holdfast.runtime.records.credentials.get(credential.id))?.sealed).toBeNull()
    expect(await sdkRefusal(api().credentials.create(vault.id, bearer('x')))).toMatchObject({ status: 400 })
    const start = (vault_ids: string[]) =>
      host.client.beta.sessions.create({ agent: host.agent, environment_id: host.environment, vault_ids })
    const refused = await sdkRefusal(start([vault.id]))
    expect(refused).toMatchObject({ status: 400 })
    expect(refused.message).toContain('vault_ids.0')
    expect(await sdkRefusal(start(['vlt_unknown']))).toMatchObject({ status: 404 })
  })
})

describe('a credential', () => {
  it('of each type is created and shown without its secrets', async () => {
    const vault = await newVault()
    const expires_at = new Date(Date.now() + 3600_000).toISOString()
    const oauth = await api().credentials.create(vault.id, {
      display_name: 'OAuth',
      metadata: { a: 'b' },
      auth: {
        type: 'mcp_oauth',
        mcp_server_url: 'https://oauth.example.com/mcp',
        access_token: 'tok-access',
        expires_at,
        refresh: {
          token_endpoint: 'https://oauth.example.com/token',
          client_id: 'me',
          refresh_token: 'tok-refresh',
          scope: 'read',
          token_endpoint_auth: { type: 'client_secret_basic', client_secret: 'tok-client' },
        },
      },
    })
    expect(oauth).toEqual({
      id: expect.stringMatching(/^vcrd_/),
      type: 'vault_credential',
      vault_id: vault.id,
      display_name: 'OAuth',
      metadata: { a: 'b' },
      auth: {
        type: 'mcp_oauth',
        mcp_server_url: 'https://oauth.example.com/mcp',
        expires_at,
        refresh: {
          token_endpoint: 'https://oauth.example.com/token',
          client_id: 'me',
          scope: 'read',
          token_endpoint_auth: { type: 'client_secret_basic' },
        },
      },
      created_at: expect.any(String),
      updated_at: expect.any(String),
      archived_at: null,
    })
    const plain = await api().credentials.create(vault.id, bearer('tok-bearer'))
    expect(plain.auth).toEqual({ type: 'static_bearer', mcp_server_url: 'https://mcp.example.com/mcp' })
    const env = await api().credentials.create(vault.id, variable('API_KEY'))
    expect(env.auth).toEqual({
      type: 'environment_variable',
      secret_name: 'API_KEY',
      networking: { type: 'limited', allowed_hosts: ['api.example.com', '*.example.org', '192.0.2.1'] },
      injection_location: { header: true, body: true },
    })
    const listed = []
    for await (const one of api().credentials.list(vault.id)) listed.push(one)
    expect(listed).toEqual([env, plain, oauth])
    expect(JSON.stringify(listed)).not.toMatch(/tok-|top-secret/)
  })

  it('is the only active one for its server or variable', async () => {
    const vault = await newVault()
    const first = await api().credentials.create(vault.id, bearer('one'))
    const again = bearer('two', 'https://MCP.example.com:443/mcp/')
    const refused = await sdkRefusal(api().credentials.create(vault.id, again))
    expect(refused).toMatchObject({ status: 409, type: 'conflict_error' })
    expect(refused.message).toContain('mcp_server_url')
    await api().credentials.create(vault.id, bearer('other path', 'https://mcp.example.com/other'))
    await api().credentials.create(vault.id, variable('NAME'))
    expect(await sdkRefusal(api().credentials.create(vault.id, variable('NAME')))).toMatchObject({ status: 409 })
    const archived = await api().credentials.archive(first.id, { vault_id: vault.id })
    expect(archived).toMatchObject({ auth: first.auth, archived_at: expect.any(String) })
    await api().credentials.create(vault.id, again)
  })

  it('is one of at most 20', async () => {
    const vault = await newVault()
    for (let index = 0; index < 20; index++) await api().credentials.create(vault.id, variable(`V${index}`))
    const refused = await sdkRefusal(api().credentials.create(vault.id, variable('ONE_MORE')))
    expect(refused).toMatchObject({ status: 400 })
    expect(refused.message).toContain('20')
  })

  it('is updated in what may change, and refuses the rest', async () => {
    const vault = await newVault()
    const { credentials } = api()
    const env = await credentials.create(vault.id, variable('K'))
    const vault_id = vault.id
    const changed = await credentials.update(env.id, {
      vault_id,
      display_name: 'named',
      auth: {
        type: 'environment_variable',
        secret_value: 'other-value',
        networking: { type: 'unrestricted' },
        injection_location: { body: false },
      },
    })
    expect(changed).toMatchObject({
      display_name: 'named',
      auth: {
        secret_name: 'K',
        networking: { type: 'unrestricted' },
        injection_location: { header: true, body: false },
      },
    })
    const change = (auth: object) => sdkRefusal(credentials.update(env.id, { vault_id, auth: auth as never }))
    expect((await change({ type: 'static_bearer', token: 'x' })).message).toContain('auth.type')
    expect((await change({ type: 'environment_variable', secret_name: 'L' })).message).toContain('secret_name')
    expect((await change({ type: 'environment_variable', injection_location: { header: false } })).message).toContain(
      'injection_location',
    )
    await credentials.archive(env.id, { vault_id })
    expect(await change({ type: 'environment_variable', secret_value: 'x' })).toMatchObject({ status: 400 })
    expect(await credentials.delete(env.id, { vault_id })).toEqual({ id: env.id, type: 'vault_credential_deleted' })
    expect(await sdkRefusal(credentials.retrieve(env.id, { vault_id }))).toMatchObject({ status: 404 })
    const other = await newVault()
    const plain = await credentials.create(vault_id, bearer('x'))
    expect(await sdkRefusal(credentials.retrieve(plain.id, { vault_id: other.id }))).toMatchObject({ status: 404 })
  })

  it.each<[object, string]>([
    [{}, 'auth'],
    [{ auth: { type: 'static_bearer', mcp_server_url: 'ftp://x', token: 't' } }, 'auth.mcp_server_url'],
    [{ auth: { type: 'static_bearer', mcp_server_url: 'https://x.example' } }, 'auth.token'],
    [
      {
        auth: {
          type: 'mcp_oauth',
          mcp_server_url: 'https://x.example',
          access_token: 't',
          expires_at: '2001-01-01T00:00:00Z',
        },
      },
      'auth.expires_at',
    ],
    [{ auth: { ...variable('1X').auth } }, 'auth.secret_name'],
    [
      { auth: { ...variable('X').auth, networking: { type: 'limited', allowed_hosts: ['https://a.b'] } } },
      'allowed_hosts.0',
    ],
    [{ auth: { ...variable('X').auth, networking: { type: 'limited', allowed_hosts: ['::1'] } } }, 'allowed_hosts.0'],
    [
      { auth: { ...variable('X').auth, networking: { type: 'limited', allowed_hosts: Array(17).fill('a.b') } } },
      'allowed_hosts',
    ],
    [variable('https_proxy'), 'auth.secret_name'],
    [{ auth: { ...variable('X').auth, injection_location: {} } }, 'auth.injection_location'],
    [{ auth: { ...variable('X').auth, injection_location: { header: null } } }, 'auth.injection_location.header'],
  ])('is not created from %j', async (params, field) => {
    const vault = await newVault()
    const refused = await sdkRefusal(api().credentials.create(vault.id, params as never))
    expect(refused).toMatchObject({ status: 400 })
    expect(refused.message).toContain(field)
    for await (const _any of api().credentials.list(vault.id)) throw new Error('was stored')
  })

  it('of type environment_variable goes to the gateway of the sessions that have its vault', async () => {
    const [first, second] = [await newVault(), await newVault()]
    const one = await api().credentials.create(first.id, variable('SHARED', 'value-of-first'))
    await api().credentials.create(second.id, variable('SHARED', 'value-of-second'))
    await api().credentials.create(second.id, variable('ONLY', 'value-of-only'))
    const { records, secrets } = host.holdfast.runtime
    const parts = { credentials: records.credentials, secrets }
    const found = await environmentCredentials({ vaultIds: [first.id, second.id] }, parts)
    expect(found.map(({ name, secret }) => [name, secret])).toEqual([
      ['ONLY', 'value-of-only'],
      ['SHARED', 'value-of-first'],
    ])
    expect(found[1]).toMatchObject({
      credentialId: one.id,
      vaultId: first.id,
      injection: { header: true, body: true },
      networking: { type: 'limited', allowed_hosts: ['api.example.com', '*.example.org', '192.0.2.1'] },
    })
    await api().credentials.archive(one.id, { vault_id: first.id })
    const rest = await environmentCredentials({ vaultIds: [first.id, second.id] }, parts)
    expect(rest.map(({ secret }) => secret)).toEqual(['value-of-only', 'value-of-second'])
  })

  it('is readable nowhere in the data folder, and its key by its owner only', async () => {
    const vault = await newVault()
    await api().credentials.create(vault.id, bearer('needle-in-the-haystack'))
    const { stat } = await import('node:fs/promises')
    expect((await stat(path.join(host.dataDir, 'secret.key'))).mode & 0o777).toBe(0o600)
    for (const entry of await readdir(host.dataDir, { recursive: true, withFileTypes: true })) {
      if (!entry.isFile()) continue
      const content = await readFile(path.join(entry.parentPath, entry.name)).catch(() => Buffer.alloc(0))
      expect(content.includes('needle-in-the-haystack'), entry.name).toBe(false)
    }
  })
})

describe('validating an OAuth credential', () => {
  async function tried({
    tokens = ['good-token'],
    access = 'good-token',
    answer,
  }: {
    tokens?: string[]
    access?: string
    answer?: (request: TokenRequest) => TokenAnswer
  }) {
    const server = await startMcpServer({ tools: [{ name: 't', run: () => said('x') }], tokens: () => tokens })
    onTestFinished(() => server.close())
    const endpoint = answer && (await startTokenEndpoint(answer))
    if (endpoint) onTestFinished(() => endpoint.close())
    const vault = await newVault()
    const credential = await api().credentials.create(vault.id, {
      auth: {
        type: 'mcp_oauth',
        mcp_server_url: server.url,
        access_token: access,
        ...(endpoint && {
          refresh: {
            token_endpoint: endpoint.url,
            client_id: 'c',
            refresh_token: 'refresh-secret',
            token_endpoint_auth: { type: 'none' as const },
          },
        }),
      },
    })
    return api().credentials.mcpOAuthValidate(credential.id, { vault_id: vault.id })
  }

  it('that works says so', async () => {
    expect(await tried({})).toEqual({
      type: 'vault_credential_validation',
      credential_id: expect.stringMatching(/^vcrd_/),
      vault_id: expect.stringMatching(/^vlt_/),
      validated_at: expect.any(String),
      has_refresh_token: false,
      status: 'valid',
      mcp_probe: null,
      refresh: null,
    })
  })

  it('that is refused and has no refresh token is invalid; the answer is shown without the token', async () => {
    const result = await tried({ access: 'stale-token' })
    expect(result).toMatchObject({
      status: 'invalid',
      mcp_probe: { method: 'initialize', http_response: { status_code: 401, body_truncated: false } },
      refresh: { status: 'no_refresh_token', http_response: null },
    })
    expect(result.mcp_probe?.http_response?.body).toContain('invalid_token')
    expect(JSON.stringify(result)).not.toContain('stale-token')
  })

  it('that is refused is refreshed and tried again', async () => {
    const answer = () => ({ body: { access_token: 'good-token' } })
    expect(await tried({ access: 'stale-token', answer })).toMatchObject({
      has_refresh_token: true,
      status: 'valid',
      mcp_probe: null,
      refresh: { status: 'succeeded', http_response: null },
    })
  })

  it('whose refresh is refused is invalid', async () => {
    const answer = ({ form }: TokenRequest) => ({ status: 400, body: { error: 'invalid_grant', form } })
    const result = await tried({ access: 'stale-token', answer })
    expect(result).toMatchObject({
      status: 'invalid',
      refresh: { status: 'failed', http_response: { status_code: 400 } },
    })
    expect(JSON.stringify(result)).not.toMatch(/refresh-secret|stale-token/)
  })

  it('whose server is not there is unknown, as is one that may not be dialled', async () => {
    const vault = await newVault()
    for (const url of ['http://127.0.0.1:1/mcp', 'http://127.0.0.9:8123/mcp']) {
      const credential = await api().credentials.create(vault.id, {
        auth: { type: 'mcp_oauth', mcp_server_url: url, access_token: 'x' },
      })
      const result = await api().credentials.mcpOAuthValidate(credential.id, { vault_id: vault.id })
      expect(result).toMatchObject({ status: 'unknown', mcp_probe: { method: 'initialize', http_response: null } })
    }
  })

  it('is refused for other types', async () => {
    const vault = await newVault()
    const credential = await api().credentials.create(vault.id, bearer('x'))
    const refused = await sdkRefusal(api().credentials.mcpOAuthValidate(credential.id, { vault_id: vault.id }))
    expect(refused).toMatchObject({ status: 400 })
  })
})
