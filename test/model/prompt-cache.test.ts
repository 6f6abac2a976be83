import { describe, expect, it } from 'vitest'
import { buildRequest } from '../../activities/model/build-request.ts'
import type { ModelMessage } from '../../activities/model/provider.ts'
import { toolsFor } from '../../activities/model/tool-definitions.ts'
import { createAgent, sessionAgent } from '../../protocol/agents.ts'
import { readRequest, sign } from '../../testing/scripted-model/check.ts'
import { PromptCache } from '../../testing/scripted-model/prompt-cache.ts'
import { bash, request } from './samples.ts'

const now = Date.UTC(2026, 10, 1)
const agent = createAgent({ name: 'a', model: 'claude-opus-5', tools: [{ type: 'agent_toolset_20260401' }] }, 'now')
const tools = toolsFor(sessionAgent(agent))
const text = (text: string) => ({ type: 'text', text })

/** What 50 requests of one turn read from the cache, and what an ideal cache would have given. */
function converse(callsOf: (step: number) => number, more: (step: number) => ModelMessage['content'] = () => []) {
  const cache = new PromptCache()
  const messages: ModelMessage[] = [{ role: 'user', content: [text('Work it out. '.repeat(20))] }]
  const steps: { read: number; ideal: number }[] = []
  let previous = 0
  for (let step = 0; step < 50; step++) {
    const built = buildRequest(request('', { system: 'Be brief. '.repeat(50), tools, messages }), undefined)
    const prompt = cache.count(readRequest(structuredClone(built)), now + step * 1000)
    steps.push({ read: prompt.cache_read_input_tokens, ideal: previous })
    // Everything of this prompt is there for the next one.
    previous = prompt.input_tokens + prompt.cache_creation_input_tokens + prompt.cache_read_input_tokens
    const ids = Array.from({ length: callsOf(step) }, (_, n) => `toolu_${step}_${n}`)
    const thinking = `step ${step}`
    messages.push({
      role: 'assistant',
      content: [
        { type: 'thinking', thinking, signature: sign(thinking) },
        text(`I do step ${step}.`),
        ...ids.map((id) => ({ type: 'tool_use', id, name: 'bash', input: { command: `run ${id}` } })),
      ],
    })
    const results = ids.map((id) => ({
      type: 'tool_result',
      tool_use_id: id,
      content: [text(`line of ${id}\n`.repeat(30))],
      is_error: false,
    }))
    messages.push({ role: 'user', content: [...results, ...more(step)] })
  }
  const sum = (field: 'read' | 'ideal') => steps.reduce((total, step) => total + step[field], 0)
  return { steps, share: sum('read') / sum('ideal') }
}

describe('the prompts of a conversation of 50 steps with tools', () => {
  it('are read from the cache as far as they were sent before: 95 % of the ideal and more', () => {
    const { steps, share } = converse(() => 1)
    expect(share).toBeGreaterThanOrEqual(0.95)
    expect(share).toBeLessThanOrEqual(1)
    // Not only on the average: a step that starts from nothing would be dear in a long conversation.
    for (const { read, ideal } of steps) expect(read).toBeGreaterThanOrEqual(0.95 * ideal)
  })

  it('are so too with many calls a step, more than the cache looks back for', () => {
    const { steps, share } = converse((step) => 1 + ((step * 7) % 30))
    expect(share).toBeGreaterThanOrEqual(0.95)
    for (const { read, ideal } of steps) expect(read).toBeGreaterThanOrEqual(0.95 * ideal)
  })

  it('are so too when the user speaks in between', () => {
    const { share } = converse(
      () => 2,
      (step) => (step % 5 === 0 ? [text(`And step ${step}?`), text('   ')] : []),
    )
    expect(share).toBeGreaterThanOrEqual(0.95)
  })
})

describe('the prompt cache of the scripted model', () => {
  const ask = (cache: PromptCache, words: string[], at = now, marked = [words.length - 1]) => {
    const content = words.map((word, index) => ({
      ...text(word),
      ...(marked.includes(index) && { cache_control: { type: 'ephemeral' } }),
    }))
    const messages = [{ role: 'user', content }]
    return cache.count(readRequest({ model: 'm', max_tokens: 1, stream: true, tools: [bash], messages }), at)
  }
  const words = Array.from({ length: 30 }, (_, n) => `word ${n} `.repeat(20))

  it('reads nothing that differs, be it one letter at the beginning', () => {
    const cache = new PromptCache()
    ask(cache, words)
    expect(ask(cache, [`${words[0]}!`, ...words.slice(1)]).cache_read_input_tokens).toBe(0)
  })

  it('reads nothing without a breakpoint', () => {
    const cache = new PromptCache()
    ask(cache, words)
    const again = ask(cache, words, now, [])
    expect(again).toMatchObject({ cache_read_input_tokens: 0, cache_creation_input_tokens: 0 })
    expect(again.input_tokens).toBeGreaterThan(0)
  })

  it('looks twenty blocks back from a breakpoint and no further', () => {
    const near = new PromptCache()
    ask(near, words.slice(0, 10))
    expect(ask(near, words.slice(0, 30)).cache_read_input_tokens).toBeGreaterThan(0)
    const far = new PromptCache()
    ask(far, words.slice(0, 9))
    expect(ask(far, words.slice(0, 30)).cache_read_input_tokens).toBe(0)
  })

  it('forgets after five minutes without use', () => {
    const cache = new PromptCache()
    const minute = 60_000
    ask(cache, words)
    expect(ask(cache, words, now + 4 * minute).cache_read_input_tokens).toBeGreaterThan(0)
    expect(ask(cache, words, now + 8 * minute).cache_read_input_tokens).toBeGreaterThan(0)
    expect(ask(cache, words, now + 14 * minute).cache_read_input_tokens).toBe(0)
  })
})
