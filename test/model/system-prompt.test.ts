import { describe, expect, it } from 'vitest'
import { systemPrompt } from '../../activities/model/system-prompt.ts'
import { type AgentCreateParams, createAgent, sessionAgent } from '../../protocol/agents.ts'
import type { SessionResource } from '../../protocol/sessions.ts'

const agent = (fields: Partial<AgentCreateParams> = {}, now = new Date(0).toISOString()) =>
  sessionAgent(createAgent({ name: 'a', model: 'claude-opus-5', ...fields }, now))
const withTools = { tools: [{ type: 'agent_toolset_20260401' as const }] }
const file = (mount_path: string) => ({ type: 'file', mount_path }) as SessionResource

describe('the system prompt', () => {
  it('is the same text for the same agent and files, whenever it is made', () => {
    const resources = [file('/mnt/session/uploads/b.csv'), file('/mnt/session/uploads/a.csv')]
    const first = systemPrompt(agent({ system: 'Be brief.', ...withTools }), { resources })
    const later = agent({ system: 'Be brief.', ...withTools }, new Date(1e12).toISOString())
    expect(systemPrompt(later, { resources: structuredClone(resources) })).toBe(first)
  })

  it('names the skills with what they are for, each on one line, in their order', () => {
    const skills = [
      { name: 'tables', description: 'Makes tables.\r\n  - Also\u2028\u0085large ones.' },
      { name: 'forms', description: 'Fills in forms.' },
    ]
    const prompt = systemPrompt(agent(withTools), { resources: [], skills })
    const lines = [
      '- /mnt/session/skills/tables/SKILL.md: Makes tables. - Also large ones.',
      '- /mnt/session/skills/forms/SKILL.md: Fills in forms.',
    ]
    expect(prompt).toContain(`\n${lines.join('\n')}`)
    expect(systemPrompt(agent(withTools), { resources: [], skills: [] })).not.toContain('kills')
  })

  it('begins with the words of the agent', () => {
    expect(systemPrompt(agent({ system: 'Be brief.', ...withTools }), { resources: [] })).toMatch(
      /^Be brief\.\n\nYou work/,
    )
  })

  it('names the places of the container and the files, in their order', () => {
    const prompt = systemPrompt(agent(withTools), { resources: [file('/data/b.csv'), file('/data/a.csv')] })
    expect(prompt).toContain('/workspace')
    expect(prompt).toContain('/mnt/session/outputs')
    expect(prompt).toMatch(/- \/data\/b\.csv\n- \/data\/a\.csv$/)
  })

  it('names the variables that hold placeholders of secrets', () => {
    const prompt = systemPrompt(agent(withTools), { resources: [], variables: ['API_KEY', 'OTHER'] })
    expect(prompt).toMatch(/hold placeholders of secrets: API_KEY, OTHER\./)
    expect(systemPrompt(agent(withTools), { resources: [] })).not.toContain('placeholders')
  })

  it('says nothing of a container to an agent that cannot use one', () => {
    expect(systemPrompt(agent({ system: 'Be brief.' }), { resources: [] })).toBe('Be brief.')
    expect(systemPrompt(agent(), { resources: [] })).toBe('')
  })

  it.each(['bash', 'read', 'write', 'edit', 'glob', 'grep'] as const)(
    'speaks of the container to an agent that has only %s',
    (name) => {
      const tools = [
        {
          type: 'agent_toolset_20260401' as const,
          default_config: { enabled: false },
          configs: [{ name, enabled: true }],
        },
      ]
      expect(systemPrompt(agent({ tools }), { resources: [file('/data/a.csv')] })).toContain('- /data/a.csv')
    },
  )
})
