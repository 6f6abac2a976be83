import { describe, expect, it } from 'vitest'
import { prepareResources } from '../../client/session-resources.ts'
import { limits } from '../../protocol/limits.ts'
import { parse } from '../../protocol/parse.ts'
import { resourceParams } from '../../protocol/sessions.ts'
import { secretBox } from '../../store/secrets.ts'
import { emptyStores } from '../client/stores.ts'
import { refusal } from '../support/refusal.ts'

const secrets = secretBox(new Uint8Array(32))
const now = new Date(0).toISOString()
async function prepare(entries: object[], allowPrivate: string[] = []) {
  const { records } = await emptyStores()
  const params = entries.map((entry, index) =>
    parse(resourceParams, { type: 'github_repository', ...entry }, `resources.${index}`),
  )
  return prepareResources({ records, secrets, allowPrivate }, 'sesn_1', params, now)
}
const url = 'https://github.com/octo/hello'

describe('a repository given to a session', () => {
  it('lies below /workspace by its name unless asked otherwise; its token is sealed, beside it', async () => {
    const checkout = { type: 'branch', name: 'feature/x' }
    const { resources, secrets: sealed } = await prepare([
      { url, authorization_token: 'ghp_1' },
      { url: 'https://git.example.org:8443/deep/er/tool.git', checkout, mount_path: '/workspace/deep/tool' },
      { url: 'https://github.com/octo/public', authorization_token: null, checkout: null },
    ])
    expect(resources).toMatchObject([
      { url, mount_path: '/workspace/hello' },
      { mount_path: '/workspace/deep/tool', checkout },
      { mount_path: '/workspace/public' },
    ])
    expect(JSON.stringify([resources, sealed])).not.toContain('ghp_1')
    const [first] = resources as { id: string }[]
    expect(Object.keys(sealed)).toEqual([first!.id])
    expect(secrets.open(sealed[first!.id]!)).toBe('ghp_1')
  })

  it.each([
    ['http://github.com/octo/hello', 'must be an https URL'],
    ['https://github.com/octo/hello.git', 'without .git'],
    ['https://github.com/octo', 'must be https://github.com/<owner>/<repo>'],
    ['https://github.com/octo/hello/tree/main', 'must be https://github.com/<owner>/<repo>'],
    ['https://github.com/octo/hello/', 'must name a repository'],
    ['https://user:pw@github.com/octo/hello', 'must not hold credentials'],
    ['https://GitHub.com/octo/hello', 'must be written as https://github.com/octo/hello'],
    ['https://github.com/octo/../hello', 'must be written as https://github.com/hello'],
    ['https://github.com/octo/%68ello', 'must name a repository'],
    ['https://github.com/octo/hello?x=1', 'neither a query'],
    ['https://github.com/octo/hello\n', 'must be written as'],
    ['https://github.com/octo/he"llo', 'must be written as'],
    ['git@github.com:octo/hello', 'must be an https URL'],
    ['file:///etc', 'must be an https URL'],
    ['https://git.example.org/', 'must name a repository'],
  ])('is refused with the address %j', async (address, reason) => {
    const { status, message } = await refusal(() => prepare([{ url: address }]))
    expect(status).toBe(400)
    expect(message).toMatch(/^resources\.0\.url: /)
    expect(message).toContain(reason)
  })

  it('may lie on a host without encryption only when the configuration allows it', async () => {
    const local = { url: 'http://10.1.2.3:3000/team/tool' }
    for (const list of [['10.1.2.3'], ['10.0.0.0/8']]) {
      expect((await prepare([local], list)).resources).toHaveLength(1)
    }
    expect((await refusal(() => prepare([local], ['10.9.0.0/16', 'example.org']))).message).toContain(
      'egress.allowPrivate',
    )
  })

  it.each([
    [{ mount_path: '/srv/hello' }, 'resources.0.mount_path: must be a folder below /workspace'],
    [{ mount_path: '/workspace' }, 'resources.0.mount_path: must be a folder below /workspace'],
    [{ mount_path: '/workspace/../etc' }, 'resources.0.mount_path: must not have empty, "." or ".." parts'],
    [{ checkout: { type: 'commit', sha: 'abc123' } }, 'resources.0.checkout.sha: must be the full name of a commit'],
    [{ checkout: { type: 'branch', name: '--upload-pack=x' } }, 'resources.0.checkout.name: is no name of a branch'],
    [{ checkout: { type: 'branch', name: 'a..b' } }, 'resources.0.checkout.name: is no name of a branch'],
    [{ authorization_token: 'two words' }, 'resources.0.authorization_token: must be printable ASCII without spaces'],
  ])('is refused with %j', async (fields, reason) => {
    expect((await refusal(() => prepare([{ url, ...fields }]))).message).toContain(reason)
  })

  it('is refused when its place is taken, lies in another or holds another, or when there are too many', async () => {
    const at = (mount_path: string) => ({ url, mount_path })
    expect((await refusal(() => prepare([{ url }, { url }]))).message).toContain(
      'resources.1.mount_path: /workspace/hello collides with /workspace/hello',
    )
    for (const places of [
      ['/workspace/a', '/workspace/a/b'],
      ['/workspace/a/b', '/workspace/a'],
    ]) {
      expect((await refusal(() => prepare(places.map(at)))).message).toContain('resources.1.mount_path')
    }
    expect((await prepare([at('/workspace/a'), at('/workspace/ab')])).resources).toHaveLength(2)
    const many = Array.from({ length: limits.repositoriesPerSession + 1 }, (_, index) => at(`/workspace/${index}`))
    expect((await refusal(() => prepare(many))).message).toContain('at most 20 repositories')
  })
})
