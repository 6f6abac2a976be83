import { describe, expect, it } from 'vitest'
import {
  createEnvironment,
  type Environment,
  type EnvironmentCreateParams,
  type EnvironmentUpdateParams,
  updateEnvironment,
} from '../../protocol/environments.ts'
import { refusal } from '../support/refusal.ts'

const then = '2026-11-01T10:00:00.000Z'
const now = '2026-11-02T10:00:00.000Z'
const environmentOf = (params: Partial<EnvironmentCreateParams> = {}) =>
  createEnvironment({ name: 'python', ...params }, then)
const update = (environment: Environment, params: EnvironmentUpdateParams) =>
  updateEnvironment(environment, params, now)
const noPackages = { type: 'packages', apt: [], cargo: [], gem: [], go: [], npm: [], pip: [] }

describe('a new environment', () => {
  it.each([undefined, null, { type: 'cloud' as const }, { type: 'cloud' as const, networking: null, packages: null }])(
    'is the default one with a config of %o',
    (config) => {
      expect(environmentOf({ config })).toEqual({
        id: expect.stringMatching(/^env_[0-9A-Za-z]{22}$/),
        type: 'environment',
        name: 'python',
        description: null,
        config: { type: 'cloud', networking: { type: 'unrestricted' }, packages: noPackages },
        metadata: {},
        scope: 'organization',
        created_at: then,
        updated_at: then,
        archived_at: null,
      })
    },
  )

  it('may be limited to nothing', () => {
    const config = { type: 'cloud' as const, networking: { type: 'limited' as const } }
    expect(environmentOf({ config }).config.networking).toEqual({
      type: 'limited',
      allowed_hosts: [],
      allow_mcp_servers: false,
      allow_package_managers: false,
    })
  })

  it.each<[string, object]>([['self_hosted', { type: 'self_hosted' }]])(
    'says that %s is not supported, rather than ignoring it',
    async (what, config) => {
      const error = await refusal(() => environmentOf({ config: config as never }))
      expect(error).toMatchObject({ status: 400, code: 'not_supported' })
      expect(error.message).toContain(what)
    },
  )

  it.each<[string, object, string]>([
    ['no name', { name: undefined }, 'name'],
    ['an unknown field', { image: 'ubuntu' }, 'image'],
    ['an unknown field of the config', { config: { type: 'cloud', network: {} } }, 'network'],
    [
      'a host with a scheme',
      { config: { type: 'cloud', networking: { type: 'limited', allowed_hosts: ['https://a.com'] } } },
      'config.networking.allowed_hosts.0',
    ],
    [
      'an option for a package',
      { config: { type: 'cloud', packages: { pip: ['--index-url=http://x'] } } },
      'packages.pip.0',
    ],
    ['a package of two lines', { config: { type: 'cloud', packages: { npm: ['a\nb'] } } }, 'packages.npm.0'],
    [
      'packages and no way to fetch them',
      { config: { type: 'cloud', networking: { type: 'limited' }, packages: { apt: ['jq'] } } },
      'allow_package_managers',
    ],
    ['the scope of an account', { scope: 'account' }, 'scope'],
  ])('is refused with %s', async (_what, params, field) => {
    const error = await refusal(() => environmentOf(params))
    expect(error.status).toBe(400)
    expect(error.message).toContain(field)
  })

  it('names every problem of its metadata under one code', async () => {
    const error = await refusal(() => environmentOf({ metadata: { ['k'.repeat(65)]: 'v', long: 'v'.repeat(513) } }))
    expect(error).toMatchObject({ status: 400, code: 'invalid_metadata' })
    expect(error.message).toMatch(/kkk.*; .*long/)
  })
})

describe('an update of an environment', () => {
  it('changes what is sent and keeps the rest, within the config too', () => {
    const before = environmentOf({
      description: 'd',
      config: { type: 'cloud', networking: { type: 'limited', allowed_hosts: [] } },
    })
    const after = update(before, { name: 'other', config: { type: 'cloud', packages: { pip: [] } } })
    expect(after).toEqual({ ...before, name: 'other', updated_at: now })
    expect(
      update(before, { config: { type: 'cloud', networking: { type: 'unrestricted' } } }).config.networking,
    ).toEqual({
      type: 'unrestricted',
    })
  })

  it('keeps an empty description apart from none', () => {
    expect(update(environmentOf({ description: 'd' }), { description: '' }).description).toBe('')
    expect(update(environmentOf({ description: 'd' }), { description: null }).description).toBeNull()
  })

  it('removes a key of the metadata with null or an empty string', () => {
    const before = environmentOf({ metadata: { a: '1', b: '2', c: '3' } })
    expect(update(before, { metadata: { a: null, b: '', d: '4' } }).metadata).toEqual({ c: '3', d: '4' })
  })

  it('checks the limit of metadata on the merged bag', async () => {
    const full = environmentOf({ metadata: Object.fromEntries([...Array(16).keys()].map((n) => [`k${n}`, 'v'])) })
    expect(await refusal(() => update(full, { metadata: { extra: 'v' } }))).toMatchObject({ code: 'invalid_metadata' })
    expect(update(full, { metadata: { extra: 'v', k0: '' } }).metadata).not.toHaveProperty('k0')
  })

  it('that changes nothing leaves the time of the last change', () => {
    const before: Environment = JSON.parse(JSON.stringify(environmentOf({ metadata: { a: '1' } })))
    expect(update(before, { name: 'python', metadata: { a: '1' }, config: { type: 'cloud' } })).toBe(before)
  })

  it('is refused when the environment is archived or would become of another type', async () => {
    expect(await refusal(() => update({ ...environmentOf(), archived_at: then }, { name: 'x' }))).toMatchObject({
      status: 400,
      code: 'environment_archived',
    })
    expect(await refusal(() => update(environmentOf(), { config: { type: 'self_hosted' } }))).toMatchObject({
      status: 400,
      code: 'invalid_config_type_change',
    })
  })
})
