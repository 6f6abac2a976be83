import { describe, expect, it } from 'vitest'
import { findRoute } from '../../activities/container/keeper/route-request.ts'

const target = 'https://git.example/team/repo'
const routes = [
  { name: 'one', target, headers: {} },
  { name: 'oneandmore', target: 'https://git.example/team/other', headers: {} },
]
const leadsTo = (url: string) => findRoute(url, routes)?.target.href

describe('a route', () => {
  it('leads to its target and below it', () => {
    expect(leadsTo('/route/one')).toBe(target)
    expect(leadsTo('/route/one/info/refs?service=git-upload-pack')).toBe(`${target}/info/refs?service=git-upload-pack`)
    expect(leadsTo('/route/one.git/info/refs')).toBe(`${target}/info/refs`)
    expect(leadsTo('/route/oneandmore/info/refs')).toBe('https://git.example/team/other/info/refs')
  })

  it('is told apart from what only begins like it', () => {
    const found = findRoute('/route/one-two.git/info/refs', [
      { name: 'one', target: `${target}.git`, headers: { a: 'b' } },
    ])
    expect(found).toMatchObject({ isOther: true, route: { headers: {} } })
    expect(found!.target.href).toBe(`${target}-two.git/info/refs`)
    expect(findRoute('/route/one/x', routes)).not.toHaveProperty('isOther')
  })

  it.each([
    ...['/', '/route', '/route/', '/route/two/info/refs', '/other/one', '/route/on', '/route/ONE/x'],
    ...[
      '/route/one/..',
      '/route/one/../other',
      '/route/one/./x',
      '/route/one/a/../../other',
      '/route/one/%2e%2e/other',
    ],
    ...['/route/one/..%2fother', '/route/one/%2E./other', '/route/one\\..\\other', '/route/one//evil.example/x'],
    ...[
      '/route/one/..;/other',
      '/route/one@evil.example/',
      '/route/one:80/x',
      'http://evil.example/route/one',
      '//route/one',
    ],
    ...['/route/one/x#y', '/route/one /x', '/route/one\t/x', '/route/One/x'],
  ])('leads nowhere for %j', (url) => {
    expect(leadsTo(url)).toBeUndefined()
  })
})
