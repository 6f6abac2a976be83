import { randomBytes } from 'node:crypto'
import path from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { describe, expect, it, onTestFinished } from 'vitest'
import { AddressPolicy } from '../../activities/egress/address-policy.ts'
import { OutgoingHttp } from '../../activities/egress/outgoing-http.ts'
import { accessTo } from '../../activities/vaults/server-access.ts'
import { RefreshFailed } from '../../activities/vaults/token-endpoint.ts'
import { TokenRefresher } from '../../activities/vaults/token-refresher.ts'
import { createCredential, credentialKey, updateCredential } from '../../protocol/credentials.ts'
import { createVault } from '../../protocol/vaults.ts'
import { openSecret, sealSecret } from '../../store/credential-secrets.ts'
import { openRecords } from '../../store/open-records.ts'
import type { Records } from '../../store/records.ts'
import { RecordsUnavailable } from '../../store/records-unavailable.ts'
import { secretBox } from '../../store/secrets.ts'
import { temporaryFolder } from '../support/temporary-folder.ts'
import { startTokenEndpoint, type TokenAnswer, type TokenRequest } from '../support/token-endpoint.ts'
import { unheard } from '../support/unheard.ts'

const secrets = secretBox(randomBytes(32))
const server = 'https://mcp.example.com/mcp'
const now = () => new Date().toISOString()

async function handles(count: number): Promise<Records[]> {
  const url = `sqlite:${path.join(await temporaryFolder(), 'records.db')}`
  const opened: Records[] = []
  for (let index = 0; index < count; index++) opened.push(await openRecords({ url }))
  onTestFinished(async () => {
    for (const records of opened) await records.close()
  })
  return opened
}

function refresherOf({ credentials }: Records): TokenRefresher {
  const http = new OutgoingHttp(new AddressPolicy({ allowPrivate: ['127.0.0.1'] }))
  onTestFinished(() => http.close())
  return new TokenRefresher({ credentials, secrets, http })
}

async function endpoint(answer: (request: TokenRequest, count: number) => TokenAnswer | Promise<TokenAnswer>) {
  const started = await startTokenEndpoint(answer)
  onTestFinished(() => started.close())
  return started
}

type EndpointAuth = { type: 'none' } | { type: 'client_secret_basic' | 'client_secret_post'; client_secret: string }

async function stored(
  records: Records,
  tokenEndpoint: string,
  { auth = { type: 'none' }, expires }: { auth?: EndpointAuth; expires?: number } = {},
) {
  const vault = createVault({ display_name: 'v' }, now())
  await records.vaults.insert(vault)
  const { credential, secret } = createCredential(
    vault.id,
    {
      auth: {
        type: 'mcp_oauth',
        mcp_server_url: server,
        access_token: 'access-0',
        ...(expires && { expires_at: new Date(Date.now() + expires).toISOString() }),
        refresh: {
          token_endpoint: tokenEndpoint,
          client_id: 'client one',
          refresh_token: 'refresh-0',
          scope: 'read write',
          resource: 'https://mcp.example.com',
          token_endpoint_auth: auth,
        },
      },
    },
    now(),
  )
  await records.credentials.insert(
    { credential, sealed: sealSecret(secrets, secret) },
    credentialKey(credential.auth),
    20,
  )
  return { vault, id: credential.id }
}

const rotating = (_request: TokenRequest, count: number): TokenAnswer => ({
  body: { access_token: `access-${count}`, refresh_token: `refresh-${count}`, expires_in: 3600 },
})

describe('an access token', () => {
  it('is refreshed by one worker of several that want it at once; the others take what it got', async () => {
    const [one, other] = (await handles(2)) as [Records, Records]
    const tokens = await endpoint(async (request, count) => {
      // Long enough for everybody else to come.
      await sleep(200)
      return rotating(request, count)
    })
    const { id } = await stored(one, tokens.url)
    const refreshers = [one, other, one, other].map(refresherOf)
    const got = await Promise.all(refreshers.map((refresher) => refresher.refresh(id, 'access-0')))
    expect(got.map(({ secret }) => secret.value)).toEqual(['access-1', 'access-1', 'access-1', 'access-1'])
    expect(tokens.requests.map(({ form }) => form.refresh_token)).toEqual(['refresh-0'])
    // The next one spends the new refresh token, whichever worker asks.
    await refreshers[1]!.refresh(id, 'access-1')
    expect(tokens.requests.map(({ form }) => form.refresh_token)).toEqual(['refresh-0', 'refresh-1'])
  })

  it('is refreshed by another worker when the one that held the lease is gone', async () => {
    const [records] = (await handles(1)) as [Records]
    const tokens = await endpoint(rotating)
    const { id } = await stored(records, tokens.url)
    expect(await records.credentials.lease(id, 'a worker that died', 0, 1)).toBe(true)
    expect((await refresherOf(records).refresh(id, 'access-0')).secret.value).toBe('access-1')
  })

  it('comes with the next refresh token, which is stored before it is used, and with its expiry', async () => {
    const [records] = (await handles(1)) as [Records]
    const tokens = await endpoint(rotating)
    const { id } = await stored(records, tokens.url)
    await refresherOf(records).refresh(id, 'access-0')
    const kept = (await records.credentials.get(id))!
    expect(openSecret(secrets, kept.sealed!)).toEqual({ value: 'access-1', refreshToken: 'refresh-1' })
    expect(Date.parse((kept.credential.auth as { expires_at: string }).expires_at)).toBeGreaterThan(Date.now())
    expect(JSON.stringify(kept.credential)).not.toMatch(/access-|refresh-\d/)
  })

  it.each<[string, EndpointAuth, (request: TokenRequest) => void]>([
    [
      'none',
      { type: 'none' },
      ({ form, authorization }) => {
        expect(form).toMatchObject({ client_id: 'client one' })
        expect(authorization).toBeUndefined()
      },
    ],
    [
      'client_secret_post',
      { type: 'client_secret_post', client_secret: 's&cret' },
      ({ form }) => {
        expect(form).toMatchObject({ client_id: 'client one', client_secret: 's&cret' })
      },
    ],
    [
      'client_secret_basic',
      { type: 'client_secret_basic', client_secret: 's&cret' },
      ({ form, authorization }) => {
        expect(form).not.toHaveProperty('client_secret')
        expect(Buffer.from(authorization!.slice('Basic '.length), 'base64').toString()).toBe('client+one:s%26cret')
      },
    ],
  ])('is asked for with the client authenticated by %s', async (_name, auth, check) => {
    const [records] = (await handles(1)) as [Records]
    const tokens = await endpoint(rotating)
    const { id } = await stored(records, tokens.url, { auth })
    await refresherOf(records).refresh(id, 'access-0')
    const request = tokens.requests[0]!
    expect(request.form).toMatchObject({
      grant_type: 'refresh_token',
      refresh_token: 'refresh-0',
      scope: 'read write',
      resource: 'https://mcp.example.com',
    })
    check(request)
  })

  it('is not lost when the database is away just then, or does not say whether it was stored', async () => {
    const [records] = (await handles(1)) as [Records]
    const tokens = await endpoint(rotating)
    const { id } = await stored(records, tokens.url)
    const { update, release } = records.credentials
    const away = () => Promise.reject(new RecordsUnavailable({ cause: undefined }))
    const updates = [away, unheard(update), update]
    records.credentials.update = (...given) => updates.shift()!(...given)
    records.credentials.release = away
    expect((await refresherOf(records).refresh(id, 'access-0')).secret.value).toBe('access-1')
    records.credentials.release = release
    const kept = await records.credentials.get(id)
    expect(openSecret(secrets, kept!.sealed!)).toEqual({ value: 'access-1', refreshToken: 'refresh-1' })
    expect(tokens.requests).toHaveLength(1)
  })

  it("that the user replaced while it was being refreshed stays the user's", async () => {
    const [records] = (await handles(1)) as [Records]
    let id = ''
    const tokens = await endpoint(async (request, count) => {
      await records.credentials.update(id, ({ credential, sealed }) => {
        const before = { credential, secret: openSecret(secrets, sealed!) }
        const auth = { type: 'mcp_oauth' as const, access_token: 'mine', refresh: { refresh_token: 'my own' } }
        const after = updateCredential(before, { auth }, now())
        return { credential: after.credential, sealed: sealSecret(secrets, after.secret) }
      })
      return rotating(request, count)
    })
    ;({ id } = await stored(records, tokens.url))
    expect((await refresherOf(records).refresh(id, 'access-0')).secret.value).toBe('mine')
    expect(openSecret(secrets, (await records.credentials.get(id))!.sealed!).refreshToken).toBe('my own')
  })
})

describe('a refresh token that is refused with invalid_grant', () => {
  it('is not tried again until the user gives another', async () => {
    const [records] = (await handles(1)) as [Records]
    const tokens = await endpoint((request, count) =>
      request.form.refresh_token === 'refresh-0'
        ? { status: 400, body: { error: 'invalid_grant' } }
        : rotating(request, count),
    )
    const { id } = await stored(records, tokens.url)
    const refresher = refresherOf(records)
    const refused = await refresher.refresh(id, 'access-0').catch((error) => error)
    expect(refused).toBeInstanceOf(RefreshFailed)
    expect(refused).toMatchObject({ refused: true, response: { status_code: 400 } })
    await expect(refresher.refresh(id, 'access-0')).rejects.toMatchObject({ refused: true })
    expect(tokens.requests).toHaveLength(1)
    await records.credentials.update(id, ({ credential, sealed }) => {
      const before = { credential, secret: openSecret(secrets, sealed!) }
      const auth = { type: 'mcp_oauth' as const, refresh: { refresh_token: 'a new one' } }
      const after = updateCredential(before, { auth }, now())
      return { credential: after.credential, sealed: sealSecret(secrets, after.secret) }
    })
    expect((await refresher.refresh(id, 'access-0')).secret.value).toBe('access-2')
  })

  it('shows no secret in what is said of it', async () => {
    const [records] = (await handles(1)) as [Records]
    const tokens = await endpoint(({ form }) => ({ status: 400, body: { error: 'invalid_grant', sent: form } }))
    const auth = { type: 'client_secret_post' as const, client_secret: 'very-secret' }
    const { id } = await stored(records, tokens.url, { auth })
    const refused = await refresherOf(records)
      .refresh(id, 'access-0')
      .catch((error) => error)
    expect(refused.response.body).toContain('invalid_grant')
    expect(JSON.stringify([refused.message, refused.response])).not.toMatch(/refresh-0|very-secret/)
  })
})

describe('the access to a server', () => {
  it('refreshes a token before it expires, and goes on with it when that fails and it still holds', async () => {
    const [records] = (await handles(1)) as [Records]
    let fails = true
    const tokens = await endpoint((request, count) => (fails ? { status: 503, body: {} } : rotating(request, count)))
    const { vault } = await stored(records, tokens.url, { expires: 30_000 })
    const parts = { credentials: records.credentials, secrets, refresher: refresherOf(records) }
    const access = accessTo(`${server}/`, [vault.id], parts)
    expect(await access.token()).toBe('access-0')
    fails = false
    expect(await access.token()).toBe('access-2')
    expect(await access.token()).toBe('access-2')
    expect(tokens.requests).toHaveLength(2)
  })

  it('is by the first vault that has a credential for it, and ends with the credential', async () => {
    const [records] = (await handles(1)) as [Records]
    const add = async (token: string, url: string) => {
      const vault = createVault({ display_name: token }, now())
      await records.vaults.insert(vault)
      const params = { auth: { type: 'static_bearer' as const, token, mcp_server_url: url } }
      const { credential, secret } = createCredential(vault.id, params, now())
      const sealed = sealSecret(secrets, secret)
      await records.credentials.insert({ credential, sealed }, credentialKey(credential.auth), 20)
      return vault.id
    }
    const other = await add('other', 'https://mcp.example.com/other')
    const first = await add('first', 'https://MCP.example.com:443/mcp/')
    const second = await add('second', server)
    const parts = { credentials: records.credentials, secrets, refresher: refresherOf(records) }
    expect(await accessTo(server, [other, first, second], parts).token()).toBe('first')
    const access = accessTo(server, [second, first], parts)
    expect(await access.token()).toBe('second')
    await records.vaults.archive(second, now())
    expect(await access.token()).toBe('first')
    await records.vaults.delete(first)
    expect(await access.token()).toBeUndefined()
  })
})
