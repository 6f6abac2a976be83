import { describe, expect, it } from 'vitest'
import { checkMcpServers } from '../../protocol/mcp-servers.ts'
import { parse } from '../../protocol/parse.ts'
import { type AgentTool, builtinSetting, resolveTools, type ToolParams, toolParams } from '../../protocol/tools.ts'
import { refusal } from '../support/refusal.ts'

const resolve = (...tools: unknown[]): AgentTool[] =>
  resolveTools(parse(toolParams.array(), tools as ToolParams[], 'tools'))
const toolset = (...configs: unknown[]) => ({ type: 'agent_toolset_20260401', configs })
const custom = (fields: object) => ({
  type: 'custom',
  name: 'lookup',
  description: 'd',
  input_schema: { type: 'object' },
  ...fields,
})
const schema = (fields: object) => custom({ input_schema: { type: 'object', ...fields } })

describe('the built-in toolset', () => {
  it('is enabled and allowed when nothing is said', () => {
    expect(resolve({ type: 'agent_toolset_20260401' })).toEqual([
      {
        type: 'agent_toolset_20260401',
        default_config: { enabled: true, permission_policy: { type: 'always_allow' } },
        configs: [],
      },
    ])
  })

  it('shows only the tools that were named, resolved by their own setting, then the default', () => {
    const [resolved] = resolve({
      type: 'agent_toolset_20260401',
      default_config: { enabled: false, permission_policy: { type: 'always_ask' } },
      configs: [
        { name: 'bash', enabled: true },
        { name: 'read', type: 'read', permission_policy: { type: 'always_allow' } },
      ],
    })
    expect(resolved).toMatchObject({
      configs: [
        { name: 'bash', type: 'bash', enabled: true, permission_policy: { type: 'always_ask' } },
        { name: 'read', type: 'read', enabled: false, permission_policy: { type: 'always_allow' } },
      ],
    })
    expect(builtinSetting([resolved!], 'bash')?.enabled).toBe(true)
    expect(builtinSetting([resolved!], 'glob')).toEqual({ enabled: false, permission_policy: { type: 'always_ask' } })
    expect(builtinSetting([], 'glob')).toBeUndefined()
  })

  it.each<[string, unknown[], string]>([
    ['the same tool twice', [toolset({ name: 'bash' }, { name: 'bash' })], 'tools.0.configs.1.name'],
    ['two toolsets', [toolset(), toolset()], 'tools.1'],
    ['an unknown tool', [toolset({ name: 'shell' })], 'configs.0.name'],
    ['a type that is not the name', [toolset({ name: 'bash', type: 'read' })], 'configs.0.type'],
    ['web options on another tool', [toolset({ name: 'bash', allowed_domains: ['a.com'] })], 'allowed_domains'],
    ['an unknown toolset', [{ type: 'agent_toolset_20250101' }], 'tools.0.type'],
  ])('is refused with %s', async (_what, tools, where) => {
    const error = await refusal(() => resolve(...tools))
    expect(error.status).toBe(400)
    expect(error.message).toContain(where)
  })
})

describe('web tools', () => {
  const fetch = (options: object) => toolset({ name: 'web_fetch', enabled: false, ...options })
  const search = (options: object) => toolset({ name: 'web_search', enabled: false, ...options })

  it('keep their options, URL sources in the form of objects', () => {
    const [resolved] = resolve(
      fetch({
        allowed_domains: ['docs.example.com'],
        max_content_tokens: 500,
        url_sources: {
          user_input: 'none',
          client_tool_results: { type: 'only', tools: [{ type: 'tool_reference', name: 'lookup' }] },
        },
      }),
      custom({}),
    )
    expect(resolved).toMatchObject({
      configs: [
        {
          name: 'web_fetch',
          type: 'web_fetch',
          enabled: false,
          allowed_domains: ['docs.example.com'],
          max_content_tokens: 500,
          url_sources: {
            user_input: { type: 'none' },
            server_tool_results: null,
            client_tool_results: { type: 'only', tools: [{ type: 'tool_reference', name: 'lookup' }] },
          },
        },
      ],
    })
    expect(resolve(fetch({}))[0]).toMatchObject({ configs: [{ url_sources: null }] })
    const location = { type: 'approximate', country: 'DE', timezone: 'Europe/Berlin' }
    expect(resolve(search({ blocked_domains: ['example.com/ads'], user_location: location }))[0]).toMatchObject({
      configs: [{ blocked_domains: ['example.com/ads'], user_location: location }],
    })
  })

  it.each<[string, object, string]>([
    ['both lists', { allowed_domains: ['a.com'], blocked_domains: ['b.com'] }, 'mutually exclusive'],
    ['an empty list', { allowed_domains: [] }, 'allowed_domains'],
    ['65 entries', { allowed_domains: [...Array(65).keys()].map((n) => `a${n}.com`) }, 'allowed_domains'],
    ['a repeated entry', { allowed_domains: ['a.com', 'A.com'] }, 'allowed_domains.1:'],
    ['a scheme', { allowed_domains: ['https://a.com'] }, 'allowed_domains.0:'],
    ['a port', { blocked_domains: ['a.com:80'] }, 'blocked_domains.0:'],
    ['a path', { allowed_domains: ['a.com/docs'] }, 'allowed_domains.0:'],
    ['credentials', { allowed_domains: ['me@a.com'] }, 'allowed_domains.0:'],
    ['a wildcard', { allowed_domains: ['*.a.com'] }, 'allowed_domains.0:'],
    ['a single label', { allowed_domains: ['intranet'] }, 'allowed_domains.0:'],
    ['an IP address', { allowed_domains: ['127.0.0.1'] }, 'allowed_domains.0:'],
    ['a private name', { allowed_domains: ['db.internal'] }, 'allowed_domains.0:'],
    ['letters outside ASCII', { allowed_domains: ['bücher.de'] }, 'allowed_domains.0:'],
    ['no tokens', { max_content_tokens: 0 }, 'max_content_tokens'],
    [
      'no source at all',
      { url_sources: { user_input: 'none', server_tool_results: { type: 'none' }, client_tool_results: 'none' } },
      'url_sources',
    ],
    [
      'a tool that is not there',
      { url_sources: { client_tool_results: { type: 'except', tools: [{ type: 'tool_reference', name: 'nope' }] } } },
      'url_sources.client_tool_results.tools.0.name',
    ],
  ])('web_fetch is refused with %s', async (_what, options, where) => {
    expect((await refusal(() => resolve(fetch(options)))).message).toContain(where)
  })

  it.each<[string, object]>([
    ['country', { country: 'de' }],
    ['country', { country: 'XX' }],
    ['timezone', { timezone: 'Mars/Olympus' }],
    ['timezone', { timezone: '+01:00' }],
  ])('web_search is refused with a wrong %s', async (field, location) => {
    const error = await refusal(() => resolve(search({ user_location: { type: 'approximate', ...location } })))
    expect(error.message).toContain(`user_location.${field}`)
  })
})

describe('a custom tool', () => {
  it('keeps every keyword of its schema', () => {
    const tool = schema({
      title: 'T',
      additionalProperties: false,
      required: ['a'],
      properties: { a: { enum: ['x'] }, default: { type: 'string', default: { $ref: 'is data here' } } },
    })
    expect(resolve(tool)).toEqual([tool])
  })

  it.each<[string, object, string]>([
    ['the name of a built-in tool', custom({ name: 'bash' }), 'tools.0.name'],
    ['the reserved prefix', custom({ name: 'mcp__x' }), 'tools.0.name'],
    ['a blank in its name', custom({ name: 'look up' }), 'tools.0.name'],
    ['an empty description', custom({ description: ' ' }), 'tools.0.description'],
    ['a permission policy', custom({ permission_policy: { type: 'always_ask' } }), 'permission_policy'],
    ['a schema of another type', custom({ input_schema: { type: 'string' } }), 'tools.0.input_schema.type'],
    ['$ref deep inside', schema({ properties: { a: { items: [{ $ref: '#/x' }] } } }), 'properties.a.items.0: "$ref"'],
    ['$ref behind a property named like a keyword', schema({ properties: { enum: { $ref: '#' } } }), '"$ref"'],
    ['anyOf at the top', schema({ anyOf: [] }), 'anyOf'],
    ['a bad property name', schema({ properties: { 'a b': {} } }), 'a b'],
    [
      'a bad property name inside',
      schema({ properties: { a: { properties: { '': {} } } } }),
      'properties.a.properties',
    ],
  ])('is refused with %s', async (_what, tool, where) => {
    const error = await refusal(() => resolve(tool))
    expect(error.status).toBe(400)
    expect(error.message).toContain(where)
  })

  it('is refused, not a crash, when it nests without end', async () => {
    const deep = JSON.parse(`${'{"a":'.repeat(50_000)}1${'}'.repeat(50_000)}`)
    for (const keyword of ['items', 'default']) {
      expect((await refusal(() => resolve(schema({ [keyword]: deep })))).message).toContain('deeper')
    }
  })

  it('may have anyOf below the top', () => {
    expect(resolve(schema({ properties: { a: { anyOf: [{ type: 'string' }] } } }))).toHaveLength(1)
  })

  it('has a name of its own', async () => {
    expect((await refusal(() => resolve(custom({}), custom({})))).message).toContain('tools.1.name')
  })
})

describe('MCP servers and toolsets', () => {
  const server = (name: string) => ({ type: 'url' as const, name, url: 'https://mcp.example.com/' })
  const toolsetOf = (mcp_server_name: string) => ({ type: 'mcp_toolset', mcp_server_name })

  it('a toolset asks before it runs, unless it says otherwise', () => {
    expect(
      resolve({ ...toolsetOf('a'), configs: [{ name: 'read_issue', permission_policy: { type: 'always_allow' } }] }),
    ).toEqual([
      {
        type: 'mcp_toolset',
        mcp_server_name: 'a',
        default_config: { enabled: true, permission_policy: { type: 'always_ask' } },
        configs: [{ name: 'read_issue', enabled: true, permission_policy: { type: 'always_allow' } }],
      },
    ])
  })

  it('belong to each other one to one', async () => {
    checkMcpServers([server('a'), server('b')], resolve(toolsetOf('b'), toolsetOf('a')))
    const problems: [ReturnType<typeof server>[], unknown[], string][] = [
      [[server('a')], [], 'mcp_servers.0'],
      [[], [toolsetOf('a')], 'tools.0.mcp_server_name'],
      [[server('a'), server('a')], [toolsetOf('a')], 'mcp_servers.1.name'],
      [[server('a')], [toolsetOf('a'), toolsetOf('a')], 'tools.1.mcp_server_name'],
    ]
    for (const [servers, tools, where] of problems) {
      expect((await refusal(() => checkMcpServers(servers, resolve(...tools)))).message).toContain(where)
    }
  })
})
