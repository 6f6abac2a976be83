import type Anthropic from '@anthropic-ai/sdk'
import { describe, expect, it } from 'vitest'
import { MalformedReply, Reply } from '../../activities/model/reply.ts'

type Event = { type: string; [field: string]: unknown }

/** A reply whose blocks begin as they are given; the JSON of an input comes behind its block. */
function replyOf(blocks: object[], { inputs = {} as Record<number, string>, stop_reason = 'tool_use' } = {}) {
  return readBy([
    ...blocks.flatMap((content_block, index): Event[] => [
      { type: 'content_block_start', index, content_block },
      ...(inputs[index] === undefined ? [] : [delta(index, { type: 'input_json_delta', partial_json: inputs[index] })]),
      { type: 'content_block_stop', index },
    ]),
    { type: 'message_delta', delta: { stop_reason }, usage: { output_tokens: 9 } },
  ])
}

function readBy(events: Event[], usage: unknown = { input_tokens: 7, output_tokens: 1 }) {
  const reply = new Reply()
  const all = [{ type: 'message_start', message: { model: 'm', usage } }, ...events, { type: 'message_stop' }]
  for (const event of all) reply.take(event as unknown as Anthropic.RawMessageStreamEvent)
  return reply.response()
}

const delta = (index: unknown, delta: object): Event => ({ type: 'content_block_delta', index, delta })
const text = (text: string) => ({ type: 'text', text })
const use = (fields: object = {}) => ({ type: 'tool_use', id: 't', name: 'bash', input: {}, ...fields })
const half = '\ud83d'
const instead = '\ufffd'

describe('half of a surrogate pair in a reply', () => {
  it('is replaced in texts and in the inputs of tools, names and depths included', () => {
    const input = '{"command": "echo \\ud800", "a\\udc00": [{"b": "\\ud83d\\ude00", "c": "\\\\ud800"}]}'
    expect(replyOf([text(`a${half}b`), use()], { inputs: { 1: input } }).content).toEqual([
      text(`a${instead}b`),
      use({ input: { command: `echo ${instead}`, [`a${instead}`]: [{ b: '😀', c: '\\ud800' }] } }),
    ])
  })

  it('is none when its other half comes with the next piece', () => {
    const pieces = ['\ud83d', '\ude00'].map((piece) => delta(0, { type: 'text_delta', text: piece }))
    const begin = { type: 'content_block_start', index: 0, content_block: text('') }
    expect(readBy([begin, ...pieces]).content).toEqual([text('😀')])
  })

  it('stays in a thought, which is signed as it came and is left out of requests', () => {
    const thought = { type: 'thinking', thinking: half, signature: 's' }
    expect(replyOf([thought, text('a')]).content).toEqual([thought, text('a')])
  })
})

describe('a tool use', () => {
  it('has an id of its own, and one that the Messages API takes', () => {
    const ids = ['toolu_1', 'toolu_1', 'call:0/x', 'call:0.x', '', half, 5, undefined]
    const { content } = replyOf(ids.map((id) => use({ id })))
    const given = content.map(({ id }) => String(id))
    expect(given[0]).toBe('toolu_1')
    expect(new Set(given).size).toBe(ids.length)
    for (const id of given) expect(id).toMatch(/^[a-zA-Z0-9_-]+$/)
  })

  it.each(['["ls"]', '"ls"', 'null', '5'])('with the input %s is no reply', (input) => {
    expect(() => replyOf([use()], { inputs: { 0: input } })).toThrow(MalformedReply)
    expect(() => replyOf([use({ input: JSON.parse(input) })])).toThrow(MalformedReply)
  })

  it.each(['ba sh!', '', half, 'x'.repeat(129), 5, undefined])('of a tool %j is no reply', (name) => {
    expect(() => replyOf([use({ name })])).toThrow(MalformedReply)
  })

  it('that the token limit cut is left out, whatever it is', () => {
    const cut = [text('a'), use({ name: 'ba sh!' })]
    expect(replyOf(cut, { inputs: { 1: '{"a' }, stop_reason: 'max_tokens' }).content).toEqual([text('a')])
  })
})

describe('a text that is none', () => {
  it.each([
    [undefined, ''],
    [null, ''],
    [5, '5'],
  ])('is one all the same: %j', (given, expected) => {
    expect(replyOf([{ type: 'text', text: given }]).content).toEqual([text(expected)])
  })
})

describe('the index of a block', () => {
  const begun = { type: 'content_block_start', index: 0, content_block: text('') }
  it.each([4294967290, 2 ** 40, 2, -1, 0.5, '1', 'length', '__proto__', null, undefined])(
    'is no other than the next one: not %j',
    (index) => {
      expect(() => readBy([begun, { ...begun, index }])).toThrow(MalformedReply)
    },
  )

  it.each([1, '0', 'push', '__proto__', 'constructor', null])('of a delta is that of a block: not %j', (index) => {
    expect(() => readBy([begun, delta(index, { type: 'text_delta', text: 'x' })])).toThrow(MalformedReply)
    expect(Object.prototype).not.toHaveProperty('text')
    expect(Array.prototype).not.toHaveProperty('text')
  })

  it('may come again: the block begins anew', () => {
    const anew = { ...begun, content_block: use() }
    expect(
      readBy([{ ...begun, content_block: use() }, delta(0, { type: 'input_json_delta', partial_json: '{' }), anew]),
    ).toMatchObject({ content: [use()] })
  })
})

describe('a block of no kind', () => {
  it.each([{}, { type: 5 }, null])('is no reply: %j', (content_block) => {
    expect(() => readBy([{ type: 'content_block_start', index: 0, content_block }])).toThrow(MalformedReply)
  })
})

describe('the usage of a reply', () => {
  const usageOf = (start: unknown, end?: unknown) =>
    readBy([{ type: 'message_delta', delta: { stop_reason: 'end_turn' }, usage: end }], start).usage
  const said = { input_tokens: 7, output_tokens: 1, cache_creation_input_tokens: 5, cache_read_input_tokens: 3 }
  const known = { ...said, cache_creation_1h_input_tokens: 0 }

  it('is what was said last', () => {
    expect(usageOf({ ...said, speed: 'fast' }, { output_tokens: 9, input_tokens: null })).toEqual({
      ...known,
      output_tokens: 9,
      speed: 'fast',
    })
  })

  it.each([-1e9, '12', {}, [], true, 0.5, 2 ** 53, Number.NaN, Number.POSITIVE_INFINITY])(
    'is not what is no number of tokens: %j',
    (count) => {
      const wrong = Object.fromEntries(Object.keys(said).map((field) => [field, count]))
      const cache_creation = { ephemeral_1h_input_tokens: count }
      expect(usageOf(said, { ...wrong, cache_creation, speed: count })).toEqual(known)
      const none = Object.fromEntries(Object.keys(known).map((field) => [field, 0]))
      expect(usageOf({ ...wrong, cache_creation, speed: count })).toEqual(none)
    },
  )

  it.each([undefined, null, 'much', 5])('may be missing, or be none: %j', (usage) => {
    expect(usageOf(said, usage)).toEqual(known)
    expect(usageOf(usage, said)).toEqual(known)
  })

  it('has no more tokens written for an hour than written', () => {
    const cache_creation = { ephemeral_1h_input_tokens: 6 }
    expect(usageOf({ ...said, cache_creation }).cache_creation_1h_input_tokens).toBe(5)
  })
})
