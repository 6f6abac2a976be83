import type Anthropic from '@anthropic-ai/sdk'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { converse, listed } from '../support/conversation.ts'
import { keeperPid, startTestHost, type TestHost } from '../support/host.ts'
import { type SecretOrigin, startSecretOrigin } from '../support/secret-origin.ts'
import { until } from '../support/until.ts'

type Networking = Extract<Anthropic.Beta.EnvironmentCreateParams['config'], { type: 'cloud' }>['networking']

let host: TestHost
let origin: SecretOrigin
beforeAll(async () => {
  origin = await startSecretOrigin()
  host = await startTestHost({
    config: { egress: { allowPrivate: ['127.0.0.2', '127.0.0.3'] } },
    env: { NODE_EXTRA_CA_CERTS: origin.certificateFile },
  })
})
afterAll(async () => {
  await host?.remove()
  await origin?.close()
})

const vaults = () => host.client.beta.vaults
const own = { type: 'limited' as const, allowed_hosts: ['127.0.0.2'] }

async function vaultWith(secret_value: string, auth: { networking?: typeof own } = {}) {
  const vault = await vaults().create({ display_name: 'Keys' })
  const credential = await vaults().credentials.create(vault.id, {
    auth: { type: 'environment_variable', secret_name: 'API_KEY', secret_value, networking: own, ...auth },
  })
  return { vault: vault.id, credential: credential.id }
}

async function sessionWith(vault_ids: string[], networking?: Networking) {
  const environment_id = networking
    ? (await host.client.beta.environments.create({ name: 'networked', config: { type: 'cloud', networking } })).id
    : host.environment
  return (await host.client.beta.sessions.create({ agent: host.agent, environment_id, vault_ids })).id
}

async function run(sessionId: string, command: string): Promise<string> {
  const events = await converse(host.client, sessionId, `#bash ${command}\n#say done`)
  return JSON.stringify(events.find((event) => event.type === 'agent.tool_result')?.content)
}

const url = (path = '/', address = '127.0.0.2') => `https://${address}:${origin.port}${path}`
const curl = 'curl -sS -m 20'
const newest = () => origin.received.at(-1)!
const ask = (sessionId: string) => run(sessionId, `${curl} -H "x-key: $API_KEY" ${url()}`)

describe('a credential of type environment_variable', () => {
  it('is a placeholder in the container, and itself where the request arrives', async () => {
    const { vault } = await vaultWith('value-of-the-key')
    const session = await sessionWith([vault])
    expect(await run(session, 'echo "[$API_KEY]"')).toMatch(/\[secret_[0-9a-f]{32}\]/)
    expect(JSON.stringify(host.model.requests.at(-1))).toContain('hold placeholders of secrets: API_KEY.')
    expect(
      await run(session, `${curl} -u me:$API_KEY -H "x-key: $API_KEY" -d "key=$API_KEY" "${url('/curl')}?q=$API_KEY"`),
    ).toContain('received')
    const basic = Buffer.from('me:value-of-the-key').toString('base64')
    expect(newest()).toMatchObject({
      body: 'key=value-of-the-key',
      headers: { 'x-key': 'value-of-the-key', authorization: `Basic ${basic}` },
    })
    // A place that the API does not name.
    expect(newest().path).toMatch(/^\/curl\?q=secret_/)
  })

  it('is used by the programs that are there', async () => {
    const { vault } = await vaultWith('value-for-python')
    const session = await sessionWith([vault])
    const request = `urllib.request.Request('${url('/python')}', headers={'x-key': os.environ['API_KEY']})`
    const python = `import os, urllib.request; print(urllib.request.urlopen(${request}).read().decode())`
    expect(await run(session, `python3 -c "${python}"`)).toContain('received')
    expect(newest()).toMatchObject({ path: '/python', headers: { 'x-key': 'value-for-python' } })
    await run(session, `git -c http.extraHeader="x-key: $API_KEY" ls-remote ${url('/git')}`)
    expect(newest().path).toMatch(/^\/git\/info\/refs/)
    expect(newest().headers['x-key']).toBe('value-for-python')
  })

  it('goes only to the hosts that it is for: others are tunnelled, and tell their own certificate', async () => {
    const { vault } = await vaultWith('value-of-the-key')
    const session = await sessionWith([vault])
    const output = await run(
      session,
      `${curl} -k -w '%{ssl_verify_result}' -H "x-key: $API_KEY" ${url('/', '127.0.0.3')}`,
    )
    expect(output).toContain('received')
    expect(newest().headers['x-key']).toMatch(/^secret_/)
  })

  it('is not put where it is told not to be', async () => {
    const vault = await vaults().create({ display_name: 'Keys' })
    await vaults().credentials.create(vault.id, {
      auth: {
        type: 'environment_variable',
        secret_name: 'API_KEY',
        secret_value: 'only-in-headers',
        networking: own,
        injection_location: { header: true },
      },
    })
    const session = await sessionWith([vault.id])
    await run(session, `${curl} -H "x-key: $API_KEY" -d "$API_KEY" ${url()}`)
    expect(newest().headers['x-key']).toBe('only-in-headers')
    expect(newest().body).toMatch(/^secret_/)
  })

  it('is one of the own vault, whatever another session has', async () => {
    const sessions = await Promise.all(
      ['value-of-one', 'value-of-two'].map(async (value) => sessionWith([(await vaultWith(value)).vault])),
    )
    const placeholders: string[] = []
    for (const [index, session] of sessions.entries()) {
      await ask(session)
      expect(newest().headers['x-key']).toBe(['value-of-one', 'value-of-two'][index])
      placeholders.push(/secret_[0-9a-f]{32}/.exec(await run(session, 'echo $API_KEY'))![0])
    }
    // What one session has is worth nothing in the other.
    await run(sessions[0]!, `${curl} -H "x-key: ${placeholders[1]}" ${url()}`)
    expect(newest().headers['x-key']).toBe(placeholders[1])
  })

  it('is the new one when it is changed, with the same placeholder in the same shell, and none when it is archived', async () => {
    const { vault, credential } = await vaultWith('the-first-value')
    const session = await sessionWith([vault])
    await run(session, 'export NOTED=$API_KEY')
    await ask(session)
    expect(newest().headers['x-key']).toBe('the-first-value')
    await vaults().credentials.update(credential, {
      vault_id: vault,
      auth: { type: 'environment_variable', secret_value: 'the-second-value' },
    })
    await run(session, `${curl} -H "x-key: $NOTED" ${url()}`)
    expect(newest().headers['x-key']).toBe('the-second-value')
    const noted = /secret_[0-9a-f]{32}/.exec(await run(session, 'echo $NOTED'))![0]
    await vaults().credentials.archive(credential, { vault_id: vault })
    expect(await run(session, `echo "[$API_KEY]"; ${curl} -k -H "x-key: ${noted}" ${url()}`)).toContain('[]')
    expect(newest().headers['x-key']).toBe(noted)
  })

  it('is the new one, and then none, for a command that runs on', async () => {
    const { vault, credential } = await vaultWith('value-of-the-beginning')
    const session = await sessionWith([vault])
    const seen = (value: string | RegExp) =>
      origin.received.some(({ path, headers }) => path === '/loop' && `${headers['x-key']}`.match(value))
    const running = run(
      session,
      `for i in $(seq 600); do ${curl} -k -H "x-key: $API_KEY" ${url('/loop')}; sleep 0.1; done`,
    )
    await until(() => seen('value-of-the-beginning'))
    await vaults().credentials.update(credential, {
      vault_id: vault,
      auth: { type: 'environment_variable', secret_value: 'value-of-the-end' },
    })
    await until(() => seen('value-of-the-end'))
    await vaults().credentials.delete(credential, { vault_id: vault })
    await until(() => seen(/^secret_/))
    await host.client.beta.sessions.events.send(session, { events: [{ type: 'user.interrupt' }] })
    await running
  })

  it('is used again after the keeper was killed', async () => {
    const { vault } = await vaultWith('a-lasting-value')
    const session = await sessionWith([vault])
    await ask(session)
    const pid = await keeperPid(host)
    process.kill(pid, 'SIGKILL')
    await until(async () => {
      await ask(session)
      return newest().headers['x-key'] === 'a-lasting-value' && (await keeperPid(host)) !== pid
    })
  })

  it('for a host that the environment does not allow is told of, once, and goes nowhere', async () => {
    const { vault, credential } = await vaultWith('value-of-the-key')
    const session = await sessionWith([vault], { type: 'limited', allowed_hosts: ['127.0.0.3'] })
    const before = origin.received.length
    expect(await ask(session)).toContain('does not allow 127.0.0.2')
    await ask(session)
    const errors = (await listed(host.client, session)).filter((event) => event.type === 'session.error')
    expect(errors).toHaveLength(1)
    expect(errors[0]).toMatchObject({
      error: { type: 'credential_host_unreachable_error', credential_id: credential, vault_id: vault },
    })
    expect(origin.received).toHaveLength(before)
  })
})
