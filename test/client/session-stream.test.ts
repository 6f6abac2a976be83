import { setImmediate as immediate } from 'node:timers/promises'
import { describe, expect, it } from 'vitest'
import type { Runtime } from '../../client/runtime.ts'
import { openStream } from '../../client/session-stream.ts'
import { LocalBus } from '../../log/bus.ts'
import type { Cursor } from '../../log/cursor.ts'
import type { Fact } from '../../log/facts.ts'
import { viewOf } from '../../log/run-view.ts'
import { SessionLog } from '../../log/session-log.ts'
import type { Tail } from '../../log/tail.ts'
import type { PreviewEvent } from '../../protocol/events.ts'
import { stepEvent } from '../../protocol/ids.ts'
import type { SessionRecord } from '../../store/records.ts'
import { memoryBlobs } from '../log/memory-blobs.ts'
import { base, fact, step } from '../log/samples.ts'

const start = (of = base): PreviewEvent => ({
  type: 'event_start',
  event: { type: 'agent.message', id: stepEvent.block(of, 0) },
})
const delta = (of = base): PreviewEvent => ({
  type: 'event_delta',
  event_id: stepEvent.block(of, 0),
  delta: { type: 'content_delta', index: 0, content: { type: 'text', text: 'tea' } },
})
const running = fact.announced(2, { events: [{ type: 'session.status_running', id: 'sevt_running' }] })
const request = fact.scheduled(3, 'callModel')
const reply = fact.replied(4, step([{ type: 'text', text: 'tea' }]))

/** A reader of a session whose log has these facts, and what happens while it reads. */
async function reader(known: Fact[], after?: Cursor) {
  const view = viewOf(0, [fact.started(1), ...known])
  const tail = { current: view, gone: false, hold: () => () => {}, catchUp: async () => view } as unknown as Tail
  const log = new SessionLog('sesn_1', tail, memoryBlobs(), {} as never)
  const bus = new LocalBus()
  const sessions = { get: async () => ({ deletedAt: null }) }
  const runtime = { bus, logs: { get: () => log }, records: { sessions } } as unknown as Runtime
  const row = { id: 'sesn_1' } as SessionRecord
  const stream = await openStream(runtime, row, { after, deltas: new Set(['agent.message']) })
  const seen: string[] = []
  const reading = (async () => {
    for await (const { event } of stream) seen.push(event.type)
  })()
  return {
    /** Each step is whole before the next one: facts of the log that come at once, or one preview. */
    async happens(...steps: (Fact[] | PreviewEvent)[]) {
      for (const one of steps) {
        if (Array.isArray(one)) {
          for (const each of one) view.append(each)
          view.wake()
        } else {
          bus.publish('sesn_1', one)
        }
        await immediate()
      }
    },
    async end() {
      view.closed = true
      view.wake()
      await reading
      return seen
    },
  }
}

const whole = [
  'session.status_running',
  'span.model_request_start',
  'event_start',
  'event_delta',
  'agent.message',
  'span.model_request_end',
]

describe('the previews of a reply', () => {
  it('come behind the beginning of their request, also where they overtake the log', async () => {
    const { happens, end } = await reader([])
    await happens(start(), [running], delta(), [request], [reply])
    expect(await end()).toEqual(whole)
  })

  it('come as they are written once the request has begun', async () => {
    const { happens, end } = await reader([])
    await happens([running, request], start(), delta(), [fact.delivered(4, 'a')], delta(), [{ ...reply, id: 5 }])
    const types = await end()
    expect(types.slice(2, 6)).toEqual(['event_start', 'event_delta', 'user.message', 'event_delta'])
  })

  it('are between both where the log shows request and reply at once', async () => {
    const { happens, end } = await reader([])
    await happens(start(), delta(), [running, request, reply])
    expect(await end()).toEqual(whole)
  })

  it('are held back for no reader that came when the request had begun', async () => {
    const { happens, end } = await reader([running, request])
    await happens(start(), delta(), [reply])
    expect(await end()).toEqual(whole.slice(2))
  })

  it('wait also for a reader that comes back with a cursor before the request', async () => {
    const { happens, end } = await reader([running, request], { run: 0, event: 2, index: 0 })
    await happens(start(), delta(), [reply])
    expect(await end()).toEqual(whole.slice(1))
  })

  it('end with their request, whatever came of it', async () => {
    const { happens, end } = await reader([running])
    const failed = fact.failed(4, 'callModel', 'canceled')
    const next = fact.scheduled(5, 'callModel', 'Step2')
    await happens(start(), [request, failed], delta(), start(), [next], start('Step2'))
    expect(await end()).toEqual([
      'span.model_request_start',
      'event_start',
      'span.model_request_end',
      'span.model_request_start',
      'event_start',
    ])
  })

  it('do not come when their event is written already', async () => {
    const { happens, end } = await reader([running, request, reply])
    await happens(start(), delta())
    expect(await end()).toEqual([])
  })
})
