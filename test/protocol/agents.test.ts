import { describe, expect, it } from 'vitest'
import {
  type Agent,
  type AgentCreateParams,
  type AgentUpdateParams,
  applyOverrides,
  createAgent,
  sessionAgent,
  updateAgent,
} from '../../protocol/agents.ts'
import { refusal } from '../support/refusal.ts'

const then = '2026-11-01T10:00:00.000Z'
const now = '2026-11-02T10:00:00.000Z'
const agentOf = (params: Partial<AgentCreateParams> = {}): Agent =>
  createAgent({ name: 'Reviewer', model: 'claude-opus-5', ...params }, then)
const update = (agent: Agent, params: AgentUpdateParams) => updateAgent(agent, params, now)
/** As it comes out of the records. */
const stored = (agent: Agent): Agent => JSON.parse(JSON.stringify(agent))

const customTool = {
  type: 'custom' as const,
  name: 'lookup',
  description: 'Looks a thing up.',
  input_schema: { type: 'object' as const, properties: { id: { type: 'string' } }, additionalProperties: false },
}

describe('a new agent', () => {
  it('is version 1 with every field filled', () => {
    const agent = agentOf()
    expect(agent).toEqual({
      id: expect.stringMatching(/^agent_[0-9A-Za-z]{22}$/),
      type: 'agent',
      version: 1,
      name: 'Reviewer',
      description: null,
      model: { id: 'claude-opus-5', effort: { type: 'high' }, speed: 'standard' },
      system: null,
      tools: [],
      mcp_servers: [],
      skills: [],
      multiagent: null,
      execution_identity: { type: 'service_account' },
      metadata: {},
      created_at: then,
      updated_at: then,
      archived_at: null,
    })
  })

  it('takes the effort as a word or an object, and otherwise the model’s own default', () => {
    expect(agentOf({ model: { id: 'claude-opus-5', effort: 'max' } }).model.effort).toEqual({ type: 'max' })
    expect(agentOf({ model: { id: 'claude-opus-5', effort: { type: 'low' } } }).model.effort).toEqual({ type: 'low' })
    expect(agentOf({ model: { id: 'claude-opus-5-5', effort: null } }).model.effort).toEqual({ type: 'medium' })
  })

  it.each<[string, Record<string, unknown>, string]>([
    ['an unknown field', { nmae: 'x' }, 'nmae'],
    ['an empty name', { name: '' }, 'name'],
    ['a name that is too long', { name: 'x'.repeat(257) }, 'name'],
    ['a description that is too long', { description: 'x'.repeat(2049) }, 'description'],
    ['a system prompt that is too long', { system: 'x'.repeat(100_001) }, 'system'],
    ['an unknown field of the model', { model: { id: 'claude-opus-5', sped: 'fast' } }, 'sped'],
    ['no model', { model: undefined }, 'model'],
    ['an unknown effort', { model: { id: 'claude-opus-5', effort: 'huge' } }, 'effort'],
    ['fast mode of a model that has none', { model: { id: 'claude-haiku-5-5', speed: 'fast' } }, 'model.speed'],
    [
      '17 pairs of metadata',
      { metadata: Object.fromEntries([...Array(17).keys()].map((n) => [`k${n}`, ''])) },
      'metadata',
    ],
    ['a number as metadata', { metadata: { a: 1 } }, 'metadata.a'],
    ['257 tools', { tools: [...Array(257).keys()].map((n) => ({ ...customTool, name: `t${n}` })) }, 'tools'],
  ])('is refused with %s, and the field is named', async (_what, params, field) => {
    const error = await refusal(() => agentOf(params))
    expect(error).toMatchObject({ status: 400, type: 'invalid_request_error' })
    expect(error.message).toContain(field)
  })

  it.each<[string, Partial<AgentCreateParams>]>([
    ['multiagent', { multiagent: { type: 'coordinator', agents: [] } }],
    ['skills', { skills: [{ type: 'anthropic', skill_id: 'xlsx' }] }],
    ['execution_identity', { execution_identity: { type: 'aws_role', role_arn: 'arn:aws:iam::1:role/x' } }],
    ['model.inference_geo', { model: { id: 'claude-opus-5', inference_geo: 'us' } }],
    ['auto', { tools: [{ type: 'agent_toolset_20260401', default_config: { permission_policy: { type: 'auto' } } }] }],
  ])('says that %s is not supported, rather than dropping it', async (what, params) => {
    const error = await refusal(() => agentOf(params))
    expect(error).toMatchObject({ status: 400, code: 'not_supported' })
    expect(error.message).toContain(what)
  })

  it('takes what is not supported when it is empty or the default', () => {
    const agent = agentOf({
      multiagent: null,
      skills: [],
      mcp_servers: [],
      execution_identity: { type: 'service_account' },
      tools: null,
    })
    expect(agent).toMatchObject({ multiagent: null, skills: [], mcp_servers: [], tools: [] })
  })
})

describe('an update', () => {
  it('keeps what is left out, clears what is null or empty, replaces lists', () => {
    const before = agentOf({ description: 'd', system: 's', tools: [customTool], metadata: { a: '1', b: '2' } })
    const after = update(before, { description: null, system: '', metadata: { a: null, c: '3' } })
    expect(after).toEqual({
      ...before,
      version: 2,
      description: null,
      system: null,
      metadata: { b: '2', c: '3' },
      updated_at: now,
    })
    expect(update(before, { tools: [] }).tools).toEqual([])
    expect(update(before, { tools: null }).tools).toEqual([])
  })

  it('that changes nothing makes no new version', () => {
    const before = stored(
      agentOf({
        description: 'd',
        model: { id: 'claude-opus-5', effort: 'low' },
        tools: [{ ...customTool, input_schema: { ...customTool.input_schema, required: undefined } }],
        metadata: { a: '1' },
      }),
    )
    const same = update(before, {
      name: before.name,
      description: 'd',
      model: 'claude-opus-5',
      tools: [{ ...customTool, input_schema: { ...customTool.input_schema, required: undefined } }],
      metadata: { a: '1', gone: null },
    })
    expect(same).toBe(before)
  })

  it('replaces the model as a whole, except for the effort of the same model', () => {
    const before = agentOf({ model: { id: 'claude-opus-5', effort: 'low', speed: 'fast' } })
    expect(update(before, { model: 'claude-opus-5' }).model).toEqual({
      id: 'claude-opus-5',
      effort: { type: 'low' },
      speed: 'standard',
    })
    expect(update(before, { model: 'claude-opus-5-5' }).model.effort).toEqual({ type: 'medium' })
    expect(update(before, { model: { id: 'claude-opus-5', effort: 'max' } }).model.effort).toEqual({ type: 'max' })
  })

  it('of an older version is a permanent conflict, also when it would change nothing', async () => {
    const before = update(agentOf(), { system: 's' })
    const error = await refusal(() => update(before, { version: 1 }))
    expect(error).toMatchObject({ status: 409, type: 'conflict_error', shouldRetry: false })
    expect(update(before, { version: 2, name: 'New' }).version).toBe(3)
  })

  it('of an archived agent is refused', async () => {
    const error = await refusal(() => update({ ...agentOf(), archived_at: then }, { name: 'x' }))
    expect(error).toMatchObject({ status: 400 })
    expect(error.message).toContain('archived')
  })

  it.each([{ name: null }, { name: '' }, { model: null }])('cannot clear %o', async (params) => {
    const error = await refusal(() => update(agentOf(), params as never))
    expect(error.message).toContain(Object.keys(params)[0])
  })

  it('checks the limit of metadata on the merged bag', async () => {
    const full = agentOf({ metadata: Object.fromEntries([...Array(16).keys()].map((n) => [`k${n}`, 'v'])) })
    expect(await refusal(() => update(full, { metadata: { extra: 'v' } }))).toMatchObject({ status: 400 })
    expect(update(full, { metadata: { extra: 'v', k0: null } }).metadata).toHaveProperty('extra', 'v')
  })
})

describe('an agent in a session', () => {
  const base = agentOf({
    system: 'Be kind.',
    description: 'd',
    tools: [customTool],
    model: { id: 'claude-opus-5', effort: 'low' },
  })

  it('has no metadata and no times', () => {
    const { metadata: _m, created_at: _c, updated_at: _u, archived_at: _a, ...rest } = base
    expect(sessionAgent(base)).toEqual(rest)
  })

  it('inherits what is left out, loses what is cleared, and gets what is given', () => {
    expect(applyOverrides(base, {})).toEqual(sessionAgent(base))
    expect(applyOverrides(base, { system: null, tools: [] })).toEqual({
      ...sessionAgent(base),
      system: null,
      tools: [],
    })
    const other = applyOverrides(base, { system: 'Be brief.', tools: [{ ...customTool, name: 'other' }] })
    expect(other.tools).toEqual([{ ...customTool, name: 'other' }])
    expect(other).toMatchObject({ id: base.id, version: base.version, system: 'Be brief.' })
  })

  it('has the model’s default effort when the model is overridden', () => {
    expect(applyOverrides(base, { model: { id: 'claude-opus-5', effort: 'max' } }).model.effort).toEqual({
      type: 'high',
    })
    expect(applyOverrides(base, { model: 'claude-haiku-5-5' }).model).toEqual({
      id: 'claude-haiku-5-5',
      effort: { type: 'medium' },
      speed: 'standard',
    })
  })

  it('cannot be without a model', async () => {
    expect(await refusal(() => applyOverrides(base, { model: null }))).toMatchObject({
      status: 400,
      code: 'agent_model_required',
    })
  })

  it('has its overrides checked as an agent has, named below "agent"', async () => {
    expect((await refusal(() => applyOverrides(base, { sytem: 'x' }))).message).toContain('sytem')
    expect((await refusal(() => applyOverrides(base, { system: 1 }))).message).toContain('agent.system')
    expect((await refusal(() => applyOverrides(base, { skills: [{}] }))).message).toContain('agent.skills.0')
  })
})
