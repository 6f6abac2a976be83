import { describe, expect, it } from 'vitest'
import { webhookEndpoints } from '../../activities/webhooks/endpoints.ts'

const secret = `whsec_${Buffer.alloc(32, 1).toString('base64')}`
const open = (setting: object, env: Record<string, string> = { HOOK: secret }, allowPrivate: string[] = []) =>
  webhookEndpoints([{ url: 'https://hooks.example/secret-path', secret: 'HOOK', ...setting }], { env, allowPrivate })

describe('the setting of a webhook', () => {
  it('needs its secret, of some length, and says how to make one without showing any', () => {
    expect(() => open({}, {})).toThrow(
      'webhooks.0.secret: the environment variable HOOK is not set; make a secret with',
    )
    for (const value of ['short', 'whsec_', 'whsec_c2hvcnQ=', 'whsec_***']) {
      expect(() => open({}, { HOOK: value })).toThrow('must be whsec_ and at least 24 bytes')
      expect(() => open({}, { HOOK: value })).not.toThrow(/c2hvcnQ|\*\*\*/)
    }
  })

  it('is of https, unless its host is one that the operator opened', () => {
    expect(() => open({ url: 'http://hooks.example/' })).toThrow('webhooks.0.url: must be https:')
    expect(open({ url: 'http://10.0.0.7/' }, undefined, ['10.0.0.7'])).toHaveLength(1)
    expect(() => open({ url: 'https://user:password@hooks.example/' })).toThrow('must not have a user')
  })

  it('may name the events that are wanted', () => {
    const [all] = open({})
    const [some] = open({ events: ['session.deleted'] })
    expect([all!.wants('session.updated'), some!.wants('session.updated'), some!.wants('session.deleted')]).toEqual([
      true,
      false,
      true,
    ])
    // Addresses may be secrets: what histories call an endpoint tells nothing of them.
    expect(all!.id).toMatch(/^[0-9a-f]{16}$/)
  })
})
