import { describe, expect, it } from 'vitest'
import { formatCursor } from '../../log/cursor.ts'
import { lateItems, newProjection, project, toolUseOf, waitingEvents } from '../../log/projection.ts'
import { viewOf } from '../../log/run-view.ts'
import type { AnnouncedEvent } from '../../protocol/contract.ts'
import { stepEvent } from '../../protocol/ids.ts'
import { base, carried, eventsOf, fact, itemsOf, message, step, time, tokens } from './samples.ts'

const running: AnnouncedEvent = { type: 'session.status_running', id: 'sevt_running' }
const end = (fields: object = {}) => ({
  type: 'span.model_request_end',
  id: stepEvent.end(base),
  model_request_start_id: stepEvent.start(base),
  is_error: false,
  model_usage: tokens,
  processed_at: expect.any(String),
  ...fields,
})

describe('the first run of a session', () => {
  it('begins with the initial events, received and waiting', () => {
    const state = newProjection(0)
    const items = project(state, fact.started(1, { initialEvents: [message('sevt_a'), message('sevt_b')] }))
    expect(items).toEqual([
      { cursor: { run: 0, event: 1, index: 0 }, event: message('sevt_a'), received: true },
      { cursor: { run: 0, event: 1, index: 1 }, event: message('sevt_b'), received: true },
    ])
    expect(waitingEvents(state)).toEqual([message('sevt_a'), message('sevt_b')])
  })

  it('shows nothing when it begins without events', () => {
    expect(itemsOf([fact.started(1)])).toEqual([])
  })
})

describe('a later run', () => {
  const input = { run: 1, carried: carried({ inbox: [message('sevt_a')], lateFrom: 1, recent: ['sevt_old'] }) }

  it('shows nothing of what was received before it, and processes it', () => {
    const items = itemsOf([fact.started(1, input), fact.announced(2, { processed: ['sevt_a'] })], 1)
    expect(items).toEqual([
      {
        cursor: { run: 1, event: 2, index: 0 },
        event: { ...message('sevt_a'), processed_at: time(2) },
        received: false,
      },
    ])
  })

  it('ignores what is delivered again, processed or still waiting', () => {
    expect(itemsOf([fact.started(1, input), fact.delivered(2, 'sevt_old', 'sevt_a')], 1)).toEqual([])
  })

  it('knows the kinds of the tool uses that the run before left open', () => {
    const tools = [
      {
        id: 'sevt_use',
        name: 'search',
        kind: 'mcp' as const,
        input: {},
        permission: 'allow' as const,
        state: 'run' as const,
        attempts: 0,
      },
    ]
    const facts = [fact.started(1, { run: 1, carried: carried({ tools }) }), fact.ran(2, 'sevt_use', 'found')]
    expect(eventsOf(facts, 1)).toMatchObject([{ type: 'agent.mcp_tool_result', mcp_tool_use_id: 'sevt_use' }])
  })
})

describe('a delivered event', () => {
  it('is received with processed_at null, in the order of the delivery', () => {
    expect(itemsOf([fact.delivered(5, 'sevt_a', 'sevt_b')])).toEqual([
      { cursor: { run: 0, event: 5, index: 0 }, event: message('sevt_a'), received: true },
      { cursor: { run: 0, event: 5, index: 1 }, event: message('sevt_b'), received: true },
    ])
  })

  it('is ignored when it comes again, before and after it was processed', () => {
    const facts = [
      fact.delivered(5, 'sevt_a'),
      fact.delivered(6, 'sevt_a', 'sevt_b'),
      fact.announced(7, { processed: ['sevt_a', 'sevt_b'] }),
      fact.delivered(8, 'sevt_a'),
    ]
    expect(itemsOf(facts).map(({ cursor, event }) => `${formatCursor(cursor)} ${event.id}`)).toEqual([
      '0.5.0 sevt_a',
      '0.6.0 sevt_b',
      '0.7.0 sevt_a',
      '0.7.1 sevt_b',
    ])
  })

  it('waits until it is processed', () => {
    const view = viewOf(0, [fact.delivered(5, 'sevt_a', 'sevt_b'), fact.announced(6, { processed: ['sevt_a'] })])
    expect(view.waiting.map(({ id }) => id)).toEqual(['sevt_b'])
  })
})

describe('an announcement', () => {
  it('shows what it processed first, in its own order, then its events, all stamped with its time', () => {
    const items = itemsOf([
      fact.delivered(5, 'sevt_a', 'sevt_b'),
      fact.announced(9, { processed: ['sevt_b', 'sevt_a'], events: [running] }),
    ]).slice(2)
    expect(items).toEqual([
      {
        cursor: { run: 0, event: 9, index: 0 },
        event: { ...message('sevt_b'), processed_at: time(9) },
        received: false,
      },
      {
        cursor: { run: 0, event: 9, index: 1 },
        event: { ...message('sevt_a'), processed_at: time(9) },
        received: false,
      },
      { cursor: { run: 0, event: 9, index: 2 }, event: { ...running, processed_at: time(9) }, received: false },
    ])
  })

  it('shows no event twice that is named as processed twice, and none that nobody sent', () => {
    const facts = [
      fact.delivered(5, 'sevt_a'),
      fact.announced(6, { processed: ['sevt_a', 'sevt_nobody'] }),
      fact.announced(7, { processed: ['sevt_a'] }),
    ]
    expect(itemsOf(facts).filter(({ received }) => !received)).toHaveLength(1)
  })

  it('leaves the event as it was received untouched', () => {
    const items = itemsOf([fact.delivered(5, 'sevt_a'), fact.announced(6, { processed: ['sevt_a'] })])
    expect(items[0]!.event.processed_at).toBeNull()
  })
})

describe('a model request', () => {
  it('begins where its activity is scheduled', () => {
    expect(itemsOf([fact.scheduled(10, 'callModel')])).toEqual([
      {
        cursor: { run: 0, event: 10, index: 0 },
        event: { type: 'span.model_request_start', id: stepEvent.start(base), processed_at: time(10) },
        received: false,
      },
    ])
  })

  it('shows thinking, messages and tool uses in the order of the reply, ids by block, then its end with the usage', () => {
    const events = eventsOf([
      fact.replied(
        12,
        step([
          { type: 'thinking', thinking: 'hm', signature: 's' },
          { type: 'text', text: 'I look.' },
          { type: 'tool_use', id: 'toolu_1', name: 'bash', input: { command: 'ls' } },
        ]),
      ),
    ])
    const processed_at = time(12)
    expect(events).toEqual([
      { type: 'agent.thinking', id: stepEvent.block(base, 0), processed_at },
      {
        type: 'agent.message',
        id: stepEvent.block(base, 1),
        content: [{ type: 'text', text: 'I look.' }],
        processed_at,
      },
      {
        type: 'agent.tool_use',
        id: stepEvent.block(base, 2),
        name: 'bash',
        input: { command: 'ls' },
        evaluated_permission: 'allow',
        processed_at,
      },
      end({ processed_at }),
    ])
    expect(new Set([stepEvent.start(base), ...events.map(({ id }) => id)]).size).toBe(events.length + 1)
  })

  it('never shows what was thought', () => {
    const content = [
      { type: 'thinking', thinking: 'a secret thought', signature: 'sig' },
      { type: 'redacted_thinking', data: 'cipher' },
    ]
    const events = eventsOf([fact.replied(12, step(content))])
    expect(events.map(({ type }) => type)).toEqual(['agent.thinking', 'agent.thinking', 'span.model_request_end'])
    expect(JSON.stringify(events)).not.toMatch(/secret thought|sig|cipher/)
  })

  it('joins neighbouring text blocks to one message, named after the first', () => {
    const text = (text: string) => ({ type: 'text', text })
    const events = eventsOf([
      fact.replied(12, step([text('a'), text('b'), { type: 'redacted_thinking', data: '' }, text('c'), text('d')])),
    ])
    expect(events).toMatchObject([
      { type: 'agent.message', id: stepEvent.block(base, 0), content: [text('a'), text('b')] },
      { type: 'agent.thinking', id: stepEvent.block(base, 2) },
      { type: 'agent.message', id: stepEvent.block(base, 3), content: [text('c'), text('d')] },
      { type: 'span.model_request_end' },
    ])
  })

  it('does not join texts between which there is a block that the log does not show', () => {
    const text = (text: string) => ({ type: 'text', text })
    const events = eventsOf([fact.replied(12, step([text('a'), { type: 'new_kind' }, text('b')]))])
    expect(events).toMatchObject([
      { type: 'agent.message', content: [text('a')] },
      { type: 'agent.message', id: stepEvent.block(base, 2), content: [text('b')] },
      { type: 'span.model_request_end' },
    ])
  })

  it('shows custom and MCP tool uses as events of their own kinds, with their permission', () => {
    const use = (name: string) => ({ type: 'tool_use', id: `toolu_${name}`, name, input: { for: name } })
    const events = eventsOf([
      fact.replied(
        12,
        step([use('mine'), use('search'), use('bash')], {
          tools: [
            { index: 0, kind: 'custom', permission: 'allow' },
            { index: 1, kind: 'mcp', permission: 'ask', evaluation: { type: 'always_ask' }, mcpServer: 'books' },
            { index: 2, kind: 'unknown', permission: 'deny' },
          ],
        }),
      ),
    ])
    const processed_at = time(12)
    expect(events.slice(0, 3)).toEqual([
      {
        type: 'agent.custom_tool_use',
        id: stepEvent.block(base, 0),
        name: 'mine',
        input: { for: 'mine' },
        processed_at,
      },
      {
        type: 'agent.mcp_tool_use',
        id: stepEvent.block(base, 1),
        name: 'search',
        mcp_server_name: 'books',
        input: { for: 'search' },
        evaluated_permission: 'ask',
        evaluation: { type: 'always_ask' },
        processed_at,
      },
      {
        type: 'agent.tool_use',
        id: stepEvent.block(base, 2),
        name: 'bash',
        input: { for: 'bash' },
        evaluated_permission: 'deny',
        processed_at,
      },
    ])
  })

  it('says the speed when the model said it', () => {
    const events = eventsOf([fact.replied(12, step([], { usage: { ...tokens, speed: 'fast' } }))])
    expect(events).toEqual([end({ model_usage: { ...tokens, speed: 'fast' } })])
  })

  it.each(['failed', 'timedOut', 'canceled'] as const)('that %s ends with an error and no tokens', (how) => {
    const none = { input_tokens: 0, output_tokens: 0, cache_creation_input_tokens: 0, cache_read_input_tokens: 0 }
    expect(eventsOf([fact.failed(12, 'callModel', how)])).toEqual([
      end({ is_error: true, model_usage: none, processed_at: time(12) }),
    ])
  })

  it('that was interrupted shows only its end, with the tokens that it took', () => {
    expect(eventsOf([fact.replied(12, step([], { interrupted: true, stop_reason: null }))])).toEqual([end()])
  })
})

describe('a tool call', () => {
  const use = stepEvent.block(base, 0)
  const reply = (kind: 'builtin' | 'mcp') =>
    fact.replied(
      5,
      step([{ type: 'tool_use', id: 'toolu_1', name: 'x', input: {} }], {
        tools: [{ index: 0, kind, permission: 'allow' }],
      }),
    )

  it('shows its result, named after the tool use', () => {
    const result = { content: [{ type: 'text', text: 'out' }], is_error: false, processed_at: time(8) }
    expect(eventsOf([reply('builtin'), fact.ran(8, use, 'out')]).at(-1)).toEqual({
      type: 'agent.tool_result',
      id: `${use}r`,
      tool_use_id: use,
      ...result,
    })
    expect(eventsOf([reply('mcp'), fact.ran(8, use, 'out')]).at(-1)).toEqual({
      type: 'agent.mcp_tool_result',
      id: `${use}r`,
      mcp_tool_use_id: use,
      ...result,
    })
  })

  it('that was attempted again shows its result under the same ids', () => {
    expect(eventsOf([reply('builtin'), fact.ran(8, `${use}.2`, 'out', { is_error: true })]).at(-1)).toMatchObject({
      id: `${use}r`,
      tool_use_id: use,
      is_error: true,
    })
    expect(toolUseOf(`${use}.12`)).toBe(use)
  })

  it('shows nothing where it is scheduled and where it fails: the workflow announces the result', () => {
    const facts = [
      fact.scheduled(6, 'runTool', use),
      fact.failed(7, 'runTool', 'failed', use),
      fact.failed(8, 'runTool', 'timedOut', use),
      fact.failed(9, 'runTool', 'canceled', use),
    ]
    expect(eventsOf(facts)).toEqual([])
  })
})

describe('a workflow whose code failed', () => {
  it('is shown as an error of the session, which nobody could announce', () => {
    expect(eventsOf([{ id: 3, at: time(3), kind: 'stuck', message: 'a bug' }])).toMatchObject([
      {
        type: 'session.error',
        error: { message: expect.stringContaining('a bug'), retry_status: { type: 'retrying' } },
      },
    ])
  })
})

describe('facts that say nothing to the user', () => {
  it('show no events', () => {
    const at = { id: 3, at: time(3) }
    expect(
      eventsOf([
        { ...at, kind: 'commanded', command: { type: 'archive' } },
        { ...at, kind: 'cancelRequested', activity: 'callModel', activityId: base },
        { ...at, kind: 'continued', runId: 'r' },
        { ...at, kind: 'closed', how: 'completed' },
        { ...at, kind: 'completed', activity: 'sealRun', activityId: 's', result: undefined },
      ]),
    ).toEqual([])
  })
})

describe('what is delivered behind the seal of a run', () => {
  const facts = [
    fact.started(1),
    fact.delivered(3, 'sevt_a'),
    fact.scheduled(7, 'sealRun', 'seal'),
    fact.delivered(8, 'sevt_b', 'sevt_c'),
    fact.delivered(9, 'sevt_b'),
    fact.delivered(10, 'sevt_d'),
  ]

  it('has its place at the seal, counted through all deliveries', () => {
    const places = itemsOf(facts).map(({ cursor, event }) => `${formatCursor(cursor)} ${event.id}`)
    expect(places).toEqual(['0.3.0 sevt_a', '0.7.0 sevt_b', '0.7.1 sevt_c', '0.7.2 sevt_d'])
  })

  const sealedTwice = [
    ...facts,
    fact.failed(11, 'sealRun', 'timedOut', 'seal'),
    fact.delivered(12, 'sevt_e'),
    fact.scheduled(20, 'sealRun', 'seal again'),
    fact.delivered(21, 'sevt_f'),
    fact.delivered(22, 'sevt_g'),
  ]

  it('is counted anew when the run could not be sealed, and is later', () => {
    const places = itemsOf(sealedTwice).map(({ cursor, event }) => `${formatCursor(cursor)} ${event.id}`)
    expect(places.slice(-3)).toEqual(['0.12.0 sevt_e', '0.20.0 sevt_f', '0.20.1 sevt_g'])
  })

  it.each([
    ['sealed', facts],
    ['sealed at the second try', sealedTwice],
  ])('is found at the very same places by readers of the segment and of the next input: %s', (_how, facts) => {
    const view = viewOf(0, facts)
    const sealed = viewOf(
      0,
      facts.filter(({ id }) => id <= view.sealedAt!),
    )
    const inbox = view.waiting
    const next = fact.started(1, { run: 1, carried: carried({ inbox, lateFrom: sealed.waiting.length }) })
    expect(sealed.items.length).toBeLessThan(view.items.length)
    expect([...sealed.items, ...lateItems(next.input, view.sealedAt!)]).toEqual(view.items)
  })

  it('is nothing when the next run was handed nothing late, or is the first', () => {
    expect(
      lateItems(fact.started(1, { run: 1, carried: carried({ inbox: [message('x')], lateFrom: 1 }) }).input, 7),
    ).toEqual([])
    expect(lateItems(fact.started(1).input, 7)).toEqual([])
  })
})
