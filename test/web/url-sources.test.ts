import { describe, expect, it } from 'vitest'
import { isAllowedPage } from '../../activities/web/domains.ts'
import { NamedPages } from '../../activities/web/url-sources.ts'
import type { SessionEvent } from '../../protocol/events.ts'

const text = (value: string) => [{ type: 'text', text: value }]
const events = [
  { type: 'user.message', id: '1', content: text('Read https://a.example/x, and (https://b.example/y_(z)).') },
  { type: 'agent.tool_use', id: '2', name: 'web_search', input: {} },
  {
    type: 'agent.tool_result',
    id: '3',
    tool_use_id: '2',
    content: text('1. Found\n   http://c.example/?q=1&r=2#part\n'),
  },
  { type: 'agent.tool_use', id: '4', name: 'bash', input: {} },
  { type: 'agent.tool_result', id: '5', tool_use_id: '4', content: text('https://bash.example/') },
  { type: 'agent.custom_tool_use', id: '6', name: 'crm', input: {} },
  { type: 'user.custom_tool_result', id: '7', custom_tool_use_id: '6', content: text('see <https://d.example/q>.') },
] as unknown as SessionEvent[]
const all = { type: 'all' as const }
const none = { type: 'none' as const }
const only = (name: string) => ({ type: 'only' as const, tools: [{ type: 'tool_reference' as const, name }] })
const except = (name: string) => ({ type: 'except' as const, tools: [{ type: 'tool_reference' as const, name }] })

const user = ['https://a.example/x', 'https://b.example/y_(z)']
const server = ['http://c.example/?q=1&r=2']
const client = ['https://d.example/q']

describe('the pages that a conversation names', () => {
  it.each([
    [
      'everything',
      { user_input: null, server_tool_results: null, client_tool_results: null },
      [...user, ...server, ...client],
    ],
    ['what the user says', { user_input: all, server_tool_results: none, client_tool_results: none }, user],
    ['one tool', { user_input: none, server_tool_results: only('web_search'), client_tool_results: none }, server],
    [
      'all but one tool',
      { user_input: none, server_tool_results: except('web_search'), client_tool_results: all },
      client,
    ],
    ['another custom tool', { user_input: none, server_tool_results: none, client_tool_results: only('other') }, []],
  ])('in %s', (_what, sources, pages) => {
    const named = new NamedPages(sources)
    for (const event of events) named.take(event)
    expect([...user, ...server, ...client, 'https://bash.example/'].filter((page) => named.has(new URL(page)))).toEqual(
      pages,
    )
  })
})

describe('a URL in a text', () => {
  const names = (said: string, url: string) => {
    const named = new NamedPages({ user_input: all, server_tool_results: none, client_tool_results: none })
    named.take({ type: 'user.message', id: '1', content: text(said) } as unknown as SessionEvent)
    return named.has(new URL(url))
  }

  it('ends before what closes a sentence or a bracket, in any order', () => {
    expect(names('(see https://a.example/x).', 'https://a.example/x')).toBe(true)
    expect(names('((see https://a.example/x.).)!?', 'https://a.example/x')).toBe(true)
    expect(names('(https://a.example/y_(z)_).', 'https://a.example/y_(z)')).toBe(true)
    expect(names('https://a.example/(x)', 'https://a.example/(x)')).toBe(true)
  })

  it.each([
    ['brackets', ')'],
    ['full stops', '.'],
    ['both', '.)'],
  ])('is read with any number of %s behind it', (_, closing) => {
    expect(names(`https://a.example/x${closing.repeat(200_000)}`, 'https://a.example/x')).toBe(true)
  })

  // Read from each of them on, this would take minutes.
  it('is read with any number of full stops that are part of it', () => {
    const url = `https://a.example/x${'.'.repeat(500_000)}x`
    expect(names(url, url)).toBe(true)
  })
})

describe('a list of domains', () => {
  const allows = (entries: string[], url: string) => isAllowedPage(new URL(url), { allowed_domains: entries })
  it('covers what is below, and paths for searches', () => {
    expect(allows(['example.com'], 'https://example.com/')).toBe(true)
    expect(allows(['Example.com'], 'https://docs.EXAMPLE.com./x')).toBe(true)
    expect(allows(['example.com'], 'https://notexample.com/')).toBe(false)
    expect(allows(['example.com'], 'https://example.com.evil.test/')).toBe(false)
    expect(allows(['example.com/docs'], 'https://example.com/docs/a')).toBe(true)
    expect(allows(['example.com/docs'], 'https://example.com/docsother')).toBe(false)
  })

  it('that blocks leaves the rest', () => {
    const blocks = (url: string) => !isAllowedPage(new URL(url), { blocked_domains: ['bad.example'] })
    expect([blocks('https://bad.example/'), blocks('https://a.bad.example/'), blocks('https://good.example/')]).toEqual(
      [true, true, false],
    )
  })
})
