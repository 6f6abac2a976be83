import { describe, expect, it } from 'vitest'
import { buildRequest } from '../../activities/model/build-request.ts'
import type { ModelMessage, ModelRequest } from '../../activities/model/provider.ts'
import { readRequest, sign } from '../../testing/scripted-model/check.ts'
import { bash, request } from './samples.ts'

const text = (text: string) => ({ type: 'text', text })
const user = (...content: ModelMessage['content']): ModelMessage => ({ role: 'user', content })
const assistant = (...content: ModelMessage['content']): ModelMessage => ({ role: 'assistant', content })
const use = (id: string) => ({ type: 'tool_use', id, name: 'bash', input: {} })
const result = (id: string) => ({ type: 'tool_result', tool_use_id: id, content: [text(id)] })
const thought = { type: 'thinking', thinking: 'hm', signature: sign('hm') }

type Built = { [field: string]: unknown } & {
  system?: Record<string, unknown>[]
  tools?: Record<string, unknown>[]
  messages: ModelMessage[]
}
const build = (fields: Partial<ModelRequest>, maxOutputTokens?: number) =>
  buildRequest(request('x', fields), maxOutputTokens) as unknown as Built

const mark = { type: 'ephemeral' }
/** Where the breakpoints are, in the order of the prompt. */
function breakpoints({ tools = [], system = [], messages }: Built): string[] {
  const places = (blocks: readonly Record<string, unknown>[], where: string) =>
    blocks.flatMap((block, index) => (block.cache_control ? [`${where}.${index}`] : []))
  return [
    ...places(tools, 'tools'),
    ...places(system, 'system'),
    ...messages.flatMap(({ content }, index) => places(content, `messages.${index}`)),
  ]
}

const conversation = [
  user(text('a')),
  assistant(thought, text('b'), use('t1'), use('t2')),
  user(result('t1'), result('t2'), text('c')),
  assistant(thought, use('t3')),
  user(result('t3')),
]

describe('cache breakpoints', () => {
  it('stand behind the tools, the system prompt and the two newest messages of the user', () => {
    const built = build({ tools: [bash, { ...bash, name: 'read' }], messages: conversation })
    expect(breakpoints(built)).toEqual(['tools.1', 'system.0', 'messages.2.2', 'messages.4.0'])
    expect(built.messages[4]!.content[0]!.cache_control).toEqual(mark)
  })

  it('are no more than four, however long the conversation', () => {
    const long = Array.from({ length: 50 }, (_, n) => [user(text(`${n}`)), assistant(thought, text(`${n}`))]).flat()
    for (let length = 1; length < long.length; length += 2) {
      const built = build({ tools: [bash], messages: long.slice(0, length) })
      expect(breakpoints(built).length).toBe(length === 1 ? 3 : 4)
      expect(breakpoints(built).at(-1)).toBe(`messages.${length - 1}.0`)
    }
  })

  it('stand only where there is something: no tools, no system prompt', () => {
    const built = build({ system: '', tools: [], messages: [user(text('a'))] })
    expect(built).not.toHaveProperty('system')
    expect(built).not.toHaveProperty('tools')
    expect(breakpoints(built)).toEqual(['messages.0.0'])
  })

  it('are never on a thinking block', () => {
    const built = build({ messages: [...conversation.slice(0, 3), assistant(text('x'), thought), user(text('d'))] })
    expect(breakpoints(built)).toEqual(['system.0', 'messages.2.2', 'messages.4.0'])
  })

  it('leave out messages of the system, and are not lost when one comes last', () => {
    const built = build({ messages: [...conversation, { role: 'system', content: [text('s')] }] })
    expect(breakpoints(built)).toEqual(['system.0', 'messages.2.2', 'messages.4.0'])
  })

  it('are not written into the messages that were given', () => {
    const given = structuredClone(conversation)
    build({ tools: [bash], messages: given })
    expect(given).toEqual(conversation)
    expect(bash).not.toHaveProperty('cache_control')
  })
})

describe('the messages of a request', () => {
  it('are as they were given, but for the breakpoints', () => {
    const { messages } = build({ messages: conversation })
    const bare = messages.map(({ role, content }) => ({
      role,
      content: content.map(({ cache_control: _, ...block }) => block),
    }))
    expect(bare).toEqual(conversation)
  })

  it('have no blank text', () => {
    const { messages } = build({
      messages: [user(text(' '), text('a'), text('\n\t')), assistant(text(''), use('t1')), user(result('t1'))],
    })
    expect(messages).toMatchObject([user(text('a')), assistant(use('t1')), user(result('t1'))])
    expect(messages.map(({ content }) => content.length)).toEqual([1, 1, 1])
  })

  it('are none that would be empty, and alternate where one went', () => {
    const { messages } = build({
      messages: [user(text('a')), assistant(text(' ')), user(text('b')), assistant(), user(text('')), user(text('c'))],
    })
    expect(messages).toEqual([{ role: 'user', content: [text('a'), text('b'), { ...text('c'), cache_control: mark }] }])
  })

  it('pass the strict reading of the scripted model', () => {
    const messages = [user(text('a'), text('')), assistant(text(' ')), user(text('b')), ...conversation.slice(1)]
    expect(() => readRequest(build({ tools: [bash], messages }))).not.toThrow()
  })
})

describe('what a model has', () => {
  it('decides on thinking, effort and speed', () => {
    const fast = { effort: 'low' as const, speed: 'fast' as const }
    expect(build({ model: 'claude-opus-5', ...fast })).toMatchObject({
      thinking: { type: 'adaptive' },
      output_config: { effort: 'low' },
      speed: 'fast',
    })
    const plain = build({ model: 'claude-haiku-4-5', ...fast })
    for (const field of ['thinking', 'output_config', 'speed']) expect(plain).not.toHaveProperty(field)
    const effort = build({ model: 'claude-opus-4-5', ...fast })
    expect(effort).toMatchObject({ output_config: { effort: 'low' } })
    for (const field of ['thinking', 'speed']) expect(effort).not.toHaveProperty(field)
    const slow = build({ model: 'claude-sonnet-5', ...fast })
    expect(slow).toMatchObject({ thinking: { type: 'adaptive' }, output_config: { effort: 'low' } })
    expect(slow).not.toHaveProperty('speed')
    for (const field of ['thinking', 'output_config', 'speed']) {
      expect(build({ model: 'somebody-elses', ...fast })).not.toHaveProperty(field)
    }
  })

  it('is asked for no speed when the standard one is wanted', () => {
    expect(build({ model: 'claude-opus-5', speed: 'standard' })).not.toHaveProperty('speed')
  })

  it('limits the length of the reply, as does the setting', () => {
    expect(build({ model: 'claude-opus-5' }).max_tokens).toBe(128_000)
    expect(build({ model: 'claude-haiku-4-5' }).max_tokens).toBe(64_000)
    expect(build({ model: 'claude-haiku-4-5' }, 1000).max_tokens).toBe(1000)
    expect(build({ model: 'claude-haiku-4-5' }, 1_000_000).max_tokens).toBe(64_000)
  })

  it('is always streamed', () => {
    expect(build({}).stream).toBe(true)
  })
})
