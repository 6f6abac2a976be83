import { describe, expect, it } from 'vitest'
import type { Fact } from '../../log/facts.ts'
import { newProjection, project } from '../../log/projection.ts'
import { Transcript } from '../../log/transcript.ts'
import type { AnnouncedEvent, AssistantBlock } from '../../protocol/contract.ts'
import type { UserEvent } from '../../protocol/events.ts'
import { stepEvent } from '../../protocol/ids.ts'
import { base, fact, message, step, time } from './samples.ts'

const text = (text: string) => ({ type: 'text', text })
const user = (...content: object[]) => ({ role: 'user', content })
const assistant = (...content: object[]) => ({ role: 'assistant', content })
const use = (id: string) => ({ type: 'tool_use', id, name: 'bash', input: { command: id } })
const result = (id: string, said: string, is_error = false) => ({
  type: 'tool_result',
  tool_use_id: id,
  content: [text(said)],
  is_error,
})
/** The result event's id of the call at `index` of the sample step. */
const call = (index: number, activityId = base) => stepEvent.block(activityId, index)

function transcriptOf(facts: Fact[]): Transcript {
  const state = newProjection(0)
  const transcript = new Transcript()
  for (const one of facts) transcript.apply(one, project(state, one))
  return transcript
}

const messagesOf = (facts: Fact[]) => transcriptOf(facts).messages()

let eventId = 100
/** The user's events, delivered and processed at once. */
function said(...events: UserEvent[]): Fact[] {
  const id = eventId++
  return [
    { kind: 'delivered', id, at: time(id), events },
    fact.announced(id, { processed: events.map((event) => event.id) }),
  ]
}

describe('a transcript', () => {
  it('has the words of both sides in turn, the reply exactly as it came', () => {
    const reply = [
      { type: 'thinking', thinking: 'hm', signature: 's' },
      { type: 'text', text: 'hi', citations: null },
    ]
    expect(messagesOf([...said(message('a')), fact.replied(3, step(reply)), ...said(message('b'))])).toEqual([
      user(text('a')),
      assistant(...reply),
      user(text('b')),
    ])
  })

  it('has no reply that is thinking only, and no thought at the end of one: the API refuses both', () => {
    const thought = { type: 'thinking', thinking: 'hm', signature: 's' }
    const cut = [fact.replied(3, step([thought])), fact.replied(4, step([thought, text('so'), thought]), 'Step2')]
    expect(messagesOf([...said(message('a')), ...cut])).toEqual([user(text('a')), assistant(thought, text('so'))])
  })

  it('has no reply of thoughts and blank texts, and no thought that only a blank text follows', () => {
    const thought = { type: 'thinking', thinking: 'hm', signature: 's' }
    const blank = text('\n\n')
    const replies = [
      fact.replied(3, step([thought, blank])),
      fact.replied(4, step([thought, blank, text('so'), thought, blank]), 'Step2'),
    ]
    expect(messagesOf([...said(message('a')), ...replies])).toEqual([user(text('a')), assistant(thought, text('so'))])
  })

  it('joins messages that the user sent one after the other', () => {
    expect(messagesOf([...said(message('a'), message('b')), ...said(message('c'))])).toEqual([
      user(text('a'), text('b'), text('c')),
    ])
  })

  it('has no message that was received and not yet processed', () => {
    expect(messagesOf([...said(message('a')), fact.delivered(3, 'b')])).toEqual([user(text('a'))])
  })

  it('has a message of the system in its place', () => {
    const system: UserEvent = {
      type: 'system.message',
      id: 's',
      content: [{ type: 'text', text: 's' }],
      processed_at: null,
    }
    expect(
      messagesOf([...said(message('a')), fact.replied(3, step([text('b')])), ...said(message('c'), system)]),
    ).toEqual([user(text('a')), assistant(text('b')), user(text('c')), { role: 'system', content: [text('s')] }])
  })

  it('leaves out messages that were flushed', () => {
    expect(
      messagesOf([
        fact.delivered(1, 'dropped'),
        fact.announced(2, { processed: ['dropped'], flushed: true }),
        ...said(message('a')),
      ]),
    ).toEqual([user(text('a'))])
  })

  it('drops blank text and messages of nothing else', () => {
    expect(
      messagesOf([
        ...said(message('blank', ' \n')),
        ...said({
          ...message('a'),
          content: [
            { type: 'text', text: '' },
            { type: 'text', text: 'a' },
          ],
        }),
      ]),
    ).toEqual([user(text('a'))])
    expect(messagesOf(said(message('blank', '\t')))).toEqual([])
  })

  it('has nothing of a step that was interrupted, nor of one that failed', () => {
    const facts = [
      ...said(message('a')),
      fact.replied(3, step([], { interrupted: true })),
      fact.failed(4, 'callModel', 'failed'),
      ...said(message('b')),
    ]
    expect(messagesOf(facts)).toEqual([user(text('a'), text('b'))])
  })
})

describe('tool results in a transcript', () => {
  const calls = fact.replied(3, step([text('both'), use('toolu_1'), use('toolu_2')]))

  it('stand in the order of the calls at the start of the next message, whatever came first', () => {
    const facts = [
      ...said(message('a')),
      calls,
      ...said(message('b')),
      fact.ran(5, call(2), 'two'),
      fact.ran(6, call(1), 'one', { is_error: true }),
    ]
    expect(messagesOf(facts)).toEqual([
      user(text('a')),
      assistant(text('both'), use('toolu_1'), use('toolu_2')),
      user(result('toolu_1', 'one', true), result('toolu_2', 'two'), text('b')),
    ])
  })

  it('are there for calls without one: an error says that nobody knows', () => {
    const last = messagesOf([...said(message('a')), calls, fact.ran(5, call(2), 'two')]).at(-1)!
    expect(last).toEqual(
      user(
        result('toolu_1', 'No result of this call was recorded. It is unknown whether it ran.', true),
        result('toolu_2', 'two'),
      ),
    )
  })

  it('are the first that were given: later ones change nothing', () => {
    const again: AnnouncedEvent = {
      type: 'agent.tool_result',
      id: 'sevt_again',
      tool_use_id: call(1),
      content: [{ type: 'text', text: 'again' }],
      is_error: true,
    }
    const facts = [...said(message('a')), calls, fact.ran(5, call(1), 'one'), fact.ran(6, call(2), 'two')]
    const before = messagesOf(facts)
    expect(messagesOf([...facts, fact.announced(7, { events: [again] }), fact.ran(8, `${call(2)}.2`, 'late')])).toEqual(
      before,
    )
  })

  it('come from announcements, from the client, and from MCP servers alike', () => {
    const ids = ['t0', 't1', 't2', 't3']
    const kinds = ['builtin', 'custom', 'builtin', 'mcp'] as const
    const reply = step(ids.map(use), {
      tools: kinds.map((kind, index) => ({ index, kind, permission: 'allow' as const })),
    })
    const content = (text: string) => [{ type: 'text' as const, text }]
    const announced: AnnouncedEvent = {
      type: 'agent.tool_result',
      id: 'sevt_0',
      tool_use_id: call(0),
      content: content('zero'),
      is_error: true,
    }
    const facts = [
      ...said(message('a')),
      fact.replied(3, reply),
      fact.announced(4, { events: [announced] }),
      ...said(
        {
          type: 'user.custom_tool_result',
          id: 'c',
          custom_tool_use_id: call(1),
          content: content('one'),
          processed_at: null,
        },
        {
          type: 'user.tool_result',
          id: 'u',
          tool_use_id: call(2),
          content: content('two'),
          is_error: true,
          processed_at: null,
        },
      ),
      fact.ran(6, call(3), 'three'),
    ]
    expect(messagesOf(facts).at(-1)).toEqual(
      user(result('t0', 'zero', true), result('t1', 'one'), result('t2', 'two', true), result('t3', 'three')),
    )
  })

  it('do not count before they are processed', () => {
    const waiting: UserEvent = {
      type: 'user.custom_tool_result',
      id: 'c',
      custom_tool_use_id: call(0),
      content: [{ type: 'text', text: 'mine' }],
      processed_at: null,
    }
    const reply = fact.replied(3, step([use('t0')]))
    const delivered: Fact = { kind: 'delivered', id: 4, at: time(4), events: [waiting] }
    expect(messagesOf([reply, delivered]).at(-1)!.content).toMatchObject([{ tool_use_id: 't0', is_error: true }])
    expect(messagesOf([reply, delivered, fact.announced(5, { processed: ['c'] })]).at(-1)).toEqual(
      user(result('t0', 'mine')),
    )
  })

  it('have their blank texts dropped, and may be empty', () => {
    const facts = [fact.replied(3, step([use('t0'), use('t1')])), fact.ran(4, call(0), ' '), fact.ran(5, call(1), 'x')]
    expect(messagesOf(facts).at(-1)!.content).toMatchObject([{ content: [] }, { content: [text('x')] }])
  })
})

describe('a compaction', () => {
  it('puts the summary in the place of everything before it', () => {
    const facts = [
      ...said(message('a')),
      fact.replied(3, step([use('t0')])),
      fact.ran(4, call(0), 'zero'),
      fact.compacted(5, 'We talked.'),
      ...said(message('b')),
      fact.replied(7, step([text('go on')]), 'Step2'),
    ]
    expect(messagesOf(facts)).toEqual([user(text('We talked.'), text('b')), assistant(text('go on'))])
  })

  it('leaves the messages as they are that have no reply yet', () => {
    const facts = [
      ...said(message('a')),
      fact.replied(3, step([text('hello')])),
      ...said(message('b')),
      fact.compacted(5, 'We talked.'),
      fact.replied(7, step([text('go on')]), 'Step2'),
    ]
    expect(messagesOf(facts)).toEqual([user(text('We talked.'), text('b')), assistant(text('go on'))])
  })

  it('is made from everything before those', () => {
    const transcript = transcriptOf([
      ...said(message('a')),
      fact.replied(3, step([text('hello')])),
      ...said(message('b')),
    ])
    expect(transcript.toCompact()).toEqual({ messages: [user(text('a')), assistant(text('hello'))], oldest: 0 })
  })

  it('counts as a reply for the next one', () => {
    const facts = [
      ...said(message('a')),
      fact.replied(3, step([text('hello')])),
      fact.compacted(4, 'One.'),
      ...said(message('b')),
    ]
    expect(transcriptOf(facts).toCompact()).toEqual({ messages: [user(text('One.'))], oldest: 0 })
    expect(messagesOf([...facts, fact.compacted(6, 'Two.')])).toEqual([user(text('Two.'), text('b'))])
  })
})

describe('equal prefixes of the facts', () => {
  it('give equal prefixes of the messages, wherever a model request is made', () => {
    const facts: Fact[] = []
    const prompts: ReturnType<typeof messagesOf>[] = []
    const ask = () => prompts.push(messagesOf(facts))
    facts.push(...said(message('a')))
    for (let n = 0; n < 12; n++) {
      const activityId = `Step${n}`
      ask()
      facts.push(fact.replied(10 * n, step([text(`I run ${n}`), use(`t${n}`), use(`u${n}`)]), activityId))
      facts.push(fact.ran(10 * n + 1, call(2, activityId), `u${n}`))
      if (n % 3 !== 0) facts.push(fact.ran(10 * n + 2, call(1, activityId), `t${n}`))
      if (n % 4 === 0) facts.push(...said(message(`m${n}`)))
    }
    ask()
    expect(prompts).toHaveLength(13)
    for (const [n, prompt] of prompts.slice(1).entries()) {
      const before = prompts[n]!
      expect(prompt.length).toBeGreaterThan(before.length)
      expect(prompt.slice(0, before.length)).toEqual(before)
    }
  })

  it('are the same objects each time, so that no request copies them', () => {
    const state = newProjection(0)
    const transcript = new Transcript()
    const take = (facts: Fact[]) => {
      for (const one of facts) transcript.apply(one, project(state, one))
    }
    take([...said(message('a')), fact.replied(3, step([text('b')]))])
    const before = transcript.messages()
    take([...said(message('c')), fact.replied(6, step([text('d')]))])
    for (const [index, one] of transcript.messages().slice(0, 2).entries()) expect(one).toBe(before[index])
  })
})

describe('what the Messages API refuses', () => {
  const refusedNow = (id: number) => fact.announced(id, { flushed: true, retracted: true })
  const missing = (id: string) =>
    result(
      id,
      'The call ran, but its result is missing here: the Messages API refused the request that it was part of.',
      true,
    )
  const calls = fact.replied(3, step([use('toolu_1'), use('toolu_2')]))
  const ran = [fact.ran(5, call(0), 'one'), fact.ran(6, call(1), 'two')]

  it('is left out: the messages since the last reply', () => {
    const facts = [...said(message('a')), fact.replied(3, step([text('b')])), ...said(message('c')), refusedNow(5)]
    expect(messagesOf([...facts, ...said(message('d'))])).toEqual([
      user(text('a')),
      assistant(text('b')),
      user(text('d')),
    ])
  })

  it('is left out: the results of the last calls, when there are no such messages', () => {
    const facts = [...said(message('a')), calls, ...ran, refusedNow(7), ...said(message('b'))]
    expect(messagesOf(facts)).toEqual([
      user(text('a')),
      assistant(use('toolu_1'), use('toolu_2')),
      user(missing('toolu_1'), missing('toolu_2'), text('b')),
    ])
  })

  it('is looked for in the messages first, then in the results', () => {
    const facts = [...said(message('a')), calls, ...ran, ...said(message('b')), refusedNow(8)]
    const answered = user(result('toolu_1', 'one'), result('toolu_2', 'two'))
    expect(messagesOf(facts).at(-1)).toEqual(answered)
    const again = [...facts, ...said(message('c')), refusedNow(10)]
    expect(messagesOf(again).at(-1)).toEqual(user(missing('toolu_1'), missing('toolu_2')))
  })

  it('may be an address that no longer works: it goes when the next message is refused too', () => {
    const url = 'https://example.com/signed.png'
    const image = { type: 'image' as const, source: { type: 'url' as const, url } }
    const shown: UserEvent = { ...message('a'), content: [image, { type: 'text', text: 'a' }] }
    const facts = [...said(shown), fact.replied(3, step([text('b')])), ...said(message('c')), refusedNow(5)]
    expect(messagesOf(facts)[0]).toEqual(user(image, text('a')))
    const again = messagesOf([...facts, ...said(message('d')), refusedNow(7), ...said(message('e'))])
    expect(again).toEqual([
      user(text(`[the image at ${url} is left out: the Messages API refused the conversation]`), text('a')),
      assistant(text('b')),
      user(text('e')),
    ])
  })

  it('is left out alike, whoever has asked for the messages meanwhile', () => {
    const image = { type: 'image' as const, source: { type: 'url' as const, url: 'https://example.com/a.png' } }
    const seen = fact.ran(5, call(0), '', { content: [image] })
    const refused = [...said(message('b')), refusedNow(8), ...said(message('c')), refusedNow(10)]
    const reply = fact.replied(6, step([text('seen')]), 'Step2')
    const facts = [...said(message('a')), fact.replied(3, step([use('toolu_1')])), seen, reply, ...refused]
    const state = newProjection(0)
    const watched = new Transcript()
    for (const one of facts) {
      watched.apply(one, project(state, one))
      watched.messages()
    }
    expect(messagesOf(facts)).toEqual(watched.messages())
    expect(JSON.stringify(messagesOf(facts))).toContain('the image at https://example.com/a.png is left out')
  })

  it('is looked for anew after a reply', () => {
    const url = 'https://example.com/a.png'
    const shown: UserEvent = { ...message('a'), content: [{ type: 'image', source: { type: 'url', url } }] }
    const facts = [...said(shown), fact.replied(3, step([text('b')])), ...said(message('c')), refusedNow(5)]
    const later = [...facts, ...said(message('d')), fact.replied(7, step([text('e')]), 'Step2'), ...said(message('f'))]
    expect(JSON.stringify(messagesOf([...later, refusedNow(9)]))).toContain('"type":"image"')
  })
})

describe('a reply in the log that the Messages API would not take back', () => {
  const after = (...content: AssistantBlock[]) => messagesOf([...said(message('a')), fact.replied(3, step(content))])
  const replied = (...content: AssistantBlock[]) => after(...content)[1]

  it('has no half of a surrogate pair, whatever it is in', () => {
    const half = '\ud800'
    const input = { command: `echo ${half}`, [half]: [{ deep: half, whole: '😀', escaped: '\\ud800' }] }
    const mended = { command: 'echo \ufffd', '\ufffd': [{ deep: '\ufffd', whole: '😀', escaped: '\\ud800' }] }
    expect(replied(text(half), { ...use('t'), input })).toEqual(
      assistant(text('\ufffd'), { ...use('t'), input: mended }),
    )
    expect(messagesOf(said(message('a', `b${half}`)))).toEqual([user(text('b\ufffd'))])
  })

  it('goes without a thought that is not as it was signed, or is none', () => {
    const thoughts = [
      { type: 'thinking', thinking: '\ud800', signature: 's' },
      { type: 'thinking', signature: 's' },
      { type: 'redacted_thinking' },
    ]
    expect(replied(...thoughts, text('b'))).toEqual(assistant(text('b')))
  })

  it('has texts that are some, and objects as inputs', () => {
    const inputs = [['ls'], 'ls', null, 5]
    const calls = inputs.map((input, index) => ({ ...use(`t${index}`), input }))
    expect(replied({ type: 'text' }, { type: 'text', text: 5 }, ...calls)).toEqual(
      assistant(text('5'), ...inputs.map((input, index) => ({ ...use(`t${index}`), input: { input } }))),
    )
  })

  it('has names of tools that can be', () => {
    const names = ['ba sh!', '', 'x'.repeat(200), 5]
    const calls = names.map((name, index) => ({ ...use(`t${index}`), name }))
    const shown = replied(...calls)!.content.map(({ name }) => name)
    expect(shown).toEqual(['ba_sh_', 'unknown', 'x'.repeat(128), '5'])
  })

  it('goes without blocks of kinds that are not known here; the results of the others are theirs', () => {
    const facts = [
      fact.replied(3, step([{ type: 'new_kind', of: 'the future' }, text(' '), use('t')])),
      fact.ran(4, call(2), 'two'),
    ]
    expect(messagesOf([...said(message('a')), ...facts]).slice(1)).toEqual([
      assistant(use('t')),
      user(result('t', 'two')),
    ])
    expect(after({ type: 'new_kind' })).toEqual([user(text('a'))])
  })

  it('has ids that are its own, in this reply and in all, each with its result', () => {
    const facts = [
      fact.replied(3, step([use('t'), use('t'), use('call:0/x')])),
      ...[0, 1, 2].map((index) => fact.ran(4 + index, call(index), `first ${index}`)),
      fact.replied(8, step([use('t'), use('call_0_x')]), 'Step2'),
      ...[0, 1].map((index) => fact.ran(9 + index, call(index, 'Step2'), `second ${index}`)),
    ]
    const messages = messagesOf([...said(message('a')), ...facts])
    const ids = (index: number) => messages[index]!.content.map(({ id }) => String(id))
    expect(ids(1)[0]).toBe('t')
    const all = [...ids(1), ...ids(3)]
    expect(new Set(all).size).toBe(5)
    for (const id of all) expect(id).toMatch(/^[a-zA-Z0-9_-]+$/)
    expect(messages[2]).toEqual(user(...ids(1).map((id, index) => result(id, `first ${index}`))))
    expect(messages[4]).toEqual(user(...ids(3).map((id, index) => result(id, `second ${index}`))))
  })

  it('is sent back with its words and calls alone when the next message is refused too', () => {
    const thought = { type: 'thinking', thinking: 'hm', signature: 'of another server' }
    const reply = [thought, { ...text('b'), citations: [{ of: 'what is gone' }] }, { ...use('t'), caller: 'x' }]
    const facts = [...said(message('a')), fact.replied(3, step(reply)), fact.ran(4, call(2), 'two')]
    const refused = [...facts, ...said(message('c')), fact.announced(6, { flushed: true, retracted: true })]
    expect(messagesOf(refused)[1]).toEqual(assistant(...reply))
    const again = [...refused, ...said(message('d')), fact.announced(8, { flushed: true, retracted: true })]
    expect(messagesOf(again)[1]).toEqual(assistant(text('b'), use('t')))
  })
})
