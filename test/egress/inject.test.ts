import { describe, expect, it } from 'vitest'
import { injectBody, injectHeaders, injectionsFor } from '../../activities/egress/inject.ts'
import { sessionVariables, unreachableCredentials } from '../../activities/egress/session-variables.ts'
import type { EnvironmentCredential } from '../../activities/vaults/environment-credentials.ts'

const both = { header: true, body: true }
const one = { placeholder: 'secret_one', secret: 'value "1" & more', hosts: ['api.example'], ...both }
const two = { placeholder: 'secret_two', secret: 'secret_one', hosts: ['*.two.example'], ...both }

describe('a placeholder', () => {
  it('is replaced in headers, within Basic credentials too, and nowhere else', () => {
    const basic = `Basic ${Buffer.from('me:secret_one').toString('base64')}`
    const headers = { authorization: 'Bearer secret_one', 'x-many': 'secret_two, secret_one', accept: '*/*' }
    expect(injectHeaders(headers, [one, two])).toEqual({
      authorization: `Bearer ${one.secret}`,
      // What a secret says is not read again.
      'x-many': `secret_one, ${one.secret}`,
      accept: '*/*',
    })
    const { authorization } = injectHeaders({ authorization: basic }, [one])
    expect(Buffer.from(authorization!.slice(6), 'base64').toString()).toBe(`me:${one.secret}`)
    expect(injectHeaders({ authorization: 'Basic !' }, [one])).toEqual({ authorization: 'Basic !' })
  })

  it('is replaced in bodies as their type asks for', () => {
    const body = Buffer.from('{"key":"secret_one"}')
    expect(JSON.parse(`${injectBody(body, 'application/json; charset=utf-8', [one])}`)).toEqual({ key: one.secret })
    const form = new URLSearchParams(
      `${injectBody(Buffer.from('a=secret_one&b=2'), 'application/x-www-form-urlencoded', [one])}`,
    )
    expect([form.get('a'), form.get('b')]).toEqual([one.secret, '2'])
    const binary = Buffer.concat([Buffer.from([0, 255, 128]), Buffer.from('secret_one')])
    expect(injectBody(binary, undefined, [{ ...one, secret: 'ü' }])).toEqual(
      Buffer.concat([Buffer.from([0, 255, 128]), Buffer.from('ü')]),
    )
    expect(injectBody(binary, undefined, [two])).toBe(binary)
  })

  it('stays where its credential says so', () => {
    expect(injectHeaders({ a: 'secret_one' }, [{ ...one, header: false }])).toEqual({ a: 'secret_one' })
    expect(`${injectBody(Buffer.from('secret_one'), undefined, [{ ...one, body: false }])}`).toBe('secret_one')
  })

  it('is replaced for the hosts of its credential only', () => {
    expect(injectionsFor('API.example', [one, two])).toEqual([one])
    expect(injectionsFor('a.two.example', [one, two])).toEqual([two])
    expect(injectionsFor('two.example', [one, two])).toEqual([])
    expect(injectionsFor('anything', [{ ...one, hosts: ['*'] }])).toHaveLength(1)
  })
})

describe('the variables of a session', () => {
  const credential: EnvironmentCredential = {
    name: 'API_KEY',
    networking: { type: 'limited', allowed_hosts: ['api.example', '*.two.example'] },
    injection: both,
    secret: 'value',
    credentialId: 'vcrd_1',
    vaultId: 'vlt_1',
  }

  it('are placeholders that stay when the secret changes, and differ between sessions', () => {
    const first = sessionVariables('sesn_1', [credential])
    expect(first.environment.API_KEY).toMatch(/^secret_[0-9a-f]{32}$/)
    expect(sessionVariables('sesn_1', [{ ...credential, secret: 'rotated' }]).environment).toEqual(first.environment)
    expect(sessionVariables('sesn_2', [credential]).environment).not.toEqual(first.environment)
  })

  it('that are for hosts which the environment does not allow are told of', () => {
    const egress = (allowedHosts: string[]) => ({
      mode: 'limited' as const,
      allowedHosts,
      routes: [],
      injections: [],
      allowPrivate: [],
    })
    expect(unreachableCredentials([credential], egress(['api.example', '*.two.example']))).toEqual([])
    expect(unreachableCredentials([credential], { ...egress([]), mode: 'unrestricted' })).toEqual([])
    expect(unreachableCredentials([credential], egress(['api.example']))).toMatchObject([
      { text: expect.stringContaining('*.two.example'), error: { credential_id: 'vcrd_1', vault_id: 'vlt_1' } },
    ])
    expect(unreachableCredentials([credential], undefined)).toHaveLength(1)
    expect(unreachableCredentials([{ ...credential, networking: { type: 'unrestricted' } }], undefined)).toEqual([])
  })
})
