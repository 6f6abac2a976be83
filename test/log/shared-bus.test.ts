import { afterEach, describe, expect, it, vi } from 'vitest'
import { SharedBus } from '../../log/shared-bus.ts'
import type { PreviewEvent } from '../../protocol/events.ts'
import type { Carrier } from '../../store/carrier.ts'
import { until } from '../support/until.ts'

afterEach(() => void vi.useRealTimers())

const session = 'sesn_1'
const times = { gatherMs: 1, repeatMs: 20, forgetMs: 60_000 }
const delta = (text: string, index = 0): PreviewEvent => ({
  type: 'event_delta',
  event_id: 'sevt_1',
  delta: { type: 'content_delta', index, content: { type: 'text', text } },
})
const textOf = (previews: PreviewEvent[]) =>
  previews.map((preview) => (preview.type === 'event_delta' ? preview.delta.content.text : '')).join('')

/** What processes on several machines share. */
function network(maxBytes = 7900) {
  const ends = new Set<Carrier>()
  const sent: string[] = []
  const connect = (options = {}) => {
    const carrier: Carrier = {
      maxBytes,
      onText: undefined,
      send(text) {
        sent.push(text)
        setImmediate(() => {
          for (const end of ends) end.onText?.(text)
        })
      },
    }
    ends.add(carrier)
    const wanted = new Set<string>()
    const bus = new SharedBus(carrier, { ...times, ...options })
    bus.onInterest = (id, isWanted) => void (isWanted ? wanted.add(id) : wanted.delete(id))
    return { bus, wanted, carrier }
  }
  return { connect, sent }
}

describe('a bus of several machines', () => {
  it('brings previews to whoever reads elsewhere, in order, and to readers here at once', async () => {
    const { connect } = network()
    const [api, worker] = [connect(), connect()]
    const there: PreviewEvent[] = []
    const here: PreviewEvent[] = []
    api.bus.subscribe(session, (preview) => there.push(preview))
    await until(() => worker.wanted.has(session))
    worker.bus.subscribe(session, (preview) => here.push(preview))
    const all = [...'abcdefgh'].map((letter) => delta(letter))
    for (const preview of all) worker.bus.publish(session, preview)
    expect(here).toEqual(all)
    await until(() => there.length === all.length)
    expect(there).toEqual(all)
  })

  it('sends nothing of sessions that nobody elsewhere reads', async () => {
    const { connect, sent } = network()
    const [api, worker] = [connect(), connect()]
    const end = api.bus.subscribe(session, () => {})
    await until(() => worker.wanted.has(session))
    end()
    await until(() => !worker.wanted.has(session))
    const heard: PreviewEvent[] = []
    api.bus.subscribe('sesn_3', (preview) => heard.push(preview))
    await until(() => worker.wanted.has('sesn_3'))
    for (const id of [session, 'sesn_2']) worker.bus.publish(id, delta('unheard'))
    // What is sent later comes later.
    worker.bus.publish('sesn_3', delta('heard'))
    await until(() => heard.length > 0)
    expect(sent.filter((text) => text.includes('unheard'))).toEqual([])
  })

  it('wants a session as long as anybody does', async () => {
    const { connect } = network()
    // Nobody says again what was forgotten too soon.
    const once = { repeatMs: 3_600_000 }
    const [one, other, worker] = [connect(once), connect(once), connect(once)]
    // Behind this they have greeted each other.
    for (const { bus } of [one, other]) bus.subscribe('sesn_3', () => {})
    await until(() => [one, other, worker].every(({ wanted }) => wanted.has('sesn_3')))
    const ends = [one, other, worker].map(({ bus }) => bus.subscribe(session, () => {}))
    await until(() => worker.wanted.has(session))
    for (const end of ends.slice(1)) end()
    // What is said later is heard later.
    other.bus.subscribe('sesn_2', () => {})
    await until(() => worker.wanted.has('sesn_2'))
    expect(worker.wanted.has(session)).toBe(true)
    ends[0]!()
    await until(() => !worker.wanted.has(session))
  })

  it('is told to a process that begins later what is wanted', async () => {
    const { connect } = network()
    const api = connect({ repeatMs: 3_600_000 })
    api.bus.subscribe(session, () => {})
    const witness = connect()
    await until(() => witness.wanted.has(session))
    const worker = connect()
    await until(() => worker.wanted.has(session))
  })

  it('forgets what a process wanted that is gone without a word', async () => {
    const { connect } = network()
    const [api, worker] = [connect(), connect({ forgetMs: 50 })]
    api.bus.subscribe(session, () => {})
    await until(() => worker.wanted.has(session))
    api.bus.close()
    await until(() => !worker.wanted.has(session))
  })

  it('keeps to the longest text that is carried, however long previews and lists are', async () => {
    const { connect, sent } = network()
    const [api, worker] = [connect(), connect()]
    const heard: PreviewEvent[] = []
    for (let index = 0; index < 1000; index++) api.bus.subscribe(`sesn_${index}`, (preview) => heard.push(preview))
    const late = connect()
    await until(() => late.wanted.size === 1000 && worker.wanted.size === 1000)
    const text = '\u0001😀é"'.repeat(10_000)
    for (const part of [text, 'and', 'more']) worker.bus.publish(session, delta(part))
    await until(() => textOf(heard) === `${text}andmore`)
    expect(Math.max(...sent.map((said) => Buffer.byteLength(said)))).toBeLessThanOrEqual(7900)
  })

  it('passes over what is none of its own, or of a version to come', async () => {
    const { connect } = network()
    const [api, worker] = [connect(), connect()]
    const end = api.bus.subscribe(session, () => {})
    await until(() => worker.wanted.has(session))
    const foreign = ['', 'no JSON', 'null', '7', '{"from":"x"}', '{"from":"x","says":"more"}']
    for (const text of foreign) worker.carrier.onText!(text)
    end()
    await until(() => !worker.wanted.has(session))
  })

  it('keeps word of interrupts to its own process', () => {
    const { connect, sent } = network()
    const { bus } = connect()
    const told = vi.fn()
    bus.onInterrupted = told
    const before = sent.length
    bus.interrupted(session, 7)
    expect(told).toHaveBeenCalledWith(session, 7)
    expect(sent).toHaveLength(before)
  })
})
