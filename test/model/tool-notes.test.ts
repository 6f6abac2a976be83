import { describe, expect, it } from 'vitest'
import { containerTools, toolsFor } from '../../activities/model/tool-definitions.ts'
import { judgeTools } from '../../activities/model/tool-notes.ts'
import { type AgentCreateParams, createAgent, sessionAgent } from '../../protocol/agents.ts'
import { readRequest } from '../../testing/scripted-model/check.ts'

const mine = { type: 'custom' as const, name: 'mine', description: 'Mine.', input_schema: { type: 'object' as const } }
const agent = (tools: AgentCreateParams['tools']) =>
  sessionAgent(createAgent({ name: 'a', model: 'claude-opus-5', tools }, new Date(0).toISOString()))
const use = (name: string) => ({ type: 'tool_use', id: `toolu_${name}`, name, input: {} })
const allow = { kind: 'builtin', permission: 'allow', evaluation: { type: 'always_allow' } }
const ask = { kind: 'builtin', permission: 'ask', evaluation: { type: 'always_ask' } }
const deny = { kind: 'unknown', permission: 'deny' }

describe('the tool uses of a reply', () => {
  it('are judged one by one, under the index of their block', () => {
    const content = [{ type: 'thinking' }, use('bash'), { type: 'text', text: 'x' }, use('mine'), use('nothing')]
    expect(judgeTools(agent([{ type: 'agent_toolset_20260401' }, mine]), content)).toEqual([
      { index: 1, ...allow },
      { index: 3, kind: 'custom', permission: 'allow' },
      { index: 4, ...deny },
    ])
    expect(judgeTools(agent([]), [{ type: 'text', text: 'x' }])).toEqual([])
  })

  it('follow the policy of the tool, or else of its toolset', () => {
    const toolset = {
      type: 'agent_toolset_20260401' as const,
      default_config: { permission_policy: { type: 'always_ask' as const } },
      configs: [{ name: 'read' as const, permission_policy: { type: 'always_allow' as const } }],
    }
    expect(judgeTools(agent([toolset]), [use('bash'), use('read')])).toEqual([
      { index: 0, ...ask },
      { index: 1, ...allow },
    ])
  })

  it('are denied for tools that are disabled, that the agent has not, and that nobody has', () => {
    const toolset = {
      type: 'agent_toolset_20260401' as const,
      configs: [{ name: 'bash' as const, enabled: false }],
    }
    const names = ['bash', 'mine', '', 'toString', '__proto__', 'constructor']
    expect(judgeTools(agent([toolset]), names.map(use))).toEqual(names.map((_, index) => ({ index, ...deny })))
    expect(judgeTools(agent([]), [use('bash')])).toEqual([{ index: 0, ...deny }])
  })

  it('are denied for built-in tools that run nowhere yet, so that they are not offered either', () => {
    const all = agent([{ type: 'agent_toolset_20260401' }])
    const offered = toolsFor(all).map(({ name }) => name)
    expect(offered).toEqual(Object.keys(containerTools))
    expect(judgeTools(all, [use('web_search')])).toEqual([{ index: 0, ...deny }])
  })
})

describe('the tools that are offered', () => {
  it('are the enabled ones, then the custom ones, in an order that does not depend on the settings’', () => {
    const configs = [{ name: 'grep' as const }, { name: 'bash' as const }, { name: 'edit' as const, enabled: false }]
    const names = (tools: AgentCreateParams['tools']) => toolsFor(agent(tools)).map(({ name }) => name)
    const toolset = { type: 'agent_toolset_20260401' as const }
    expect(names([mine, { ...toolset, configs }])).toEqual(['bash', 'read', 'write', 'glob', 'grep', 'mine'])
    expect(names([{ ...toolset, configs: configs.toReversed() }, mine])).toEqual(names([mine, { ...toolset, configs }]))
    expect(names([])).toEqual([])
  })

  it('are as the Messages API takes them', () => {
    const tools = toolsFor(agent([{ type: 'agent_toolset_20260401' }, mine]))
    const messages = [{ role: 'user', content: 'x' }]
    expect(() => readRequest({ model: 'm', max_tokens: 1, stream: true, tools, messages })).not.toThrow()
    for (const tool of tools) expect(Object.keys(tool).sort()).toEqual(['description', 'input_schema', 'name'])
  })

  it('are all judged as offered: what the model may see it may call', () => {
    const all = agent([{ type: 'agent_toolset_20260401' }, mine])
    const notes = judgeTools(
      all,
      toolsFor(all).map(({ name }) => use(name)),
    )
    expect(notes.map(({ permission }) => permission)).toEqual(notes.map(() => 'allow'))
    expect(notes.length).toBeGreaterThan(2)
  })
})
