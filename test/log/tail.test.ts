import { setTimeout as wait } from 'node:timers/promises'
import { defaultPayloadConverter } from '@temporalio/common'
import { describe, expect, it, onTestFinished } from 'vitest'
import { type HistorySource, Tail } from '../../log/tail.ts'
import { TaskPace, TaskTimes } from '../../log/task-pace.ts'
import { start, step } from './samples.ts'

type Page = { history: { events: object[] }; nextPageToken: Uint8Array }

type HistoryEvent = Parameters<TaskPace['see']>[0][number]

function event(eventId: number, ms: number, attributes: object): HistoryEvent {
  const eventTime = { seconds: Math.floor(ms / 1000), nanos: (ms % 1000) * 1e6 }
  return { eventId, eventTime, ...attributes } as unknown as HistoryEvent
}
const scheduled = (id: number, ms: number) => event(id, ms, { workflowTaskScheduledEventAttributes: {} })
const started = (id: number, ms: number) => event(id, ms, { workflowTaskStartedEventAttributes: {} })
const completed = (id: number, ms: number) => event(id, ms, { workflowTaskCompletedEventAttributes: {} })

/** With tasks that take an hour whoever waits for one waits for good. */
class EndlessTasks extends TaskTimes {
  override get averageMs(): number {
    return 3_600_000
  }
}

/** A Temporal whose long polls are answered by the test. */
function source() {
  const signals: AbortSignal[] = []
  const polls: { at: number; answer(page: Page): void }[] = []
  /** `slow`: what the next description waits for. */
  const newest: { runId: string; asked: number; slow?: Promise<void> } = { runId: 'a', asked: 0 }
  let length = 0
  let current: AbortSignal
  const connection = {
    withAbortSignal: (signal: AbortSignal, call: () => unknown) => {
      signals.push(signal)
      current = signal
      return call()
    },
    workflowService: {
      describeWorkflowExecution: async () => {
        newest.asked++
        const { slow } = newest
        delete newest.slow
        await slow
        return { workflowExecutionInfo: { execution: { runId: newest.runId }, historyLength: length } }
      },
      getWorkflowExecutionHistory: () =>
        new Promise<Page>((resolve, reject) => {
          polls.push({ at: performance.now(), answer: resolve })
          current.addEventListener('abort', () => reject(new Error('aborted')))
        }),
    },
  }
  const codec = { encode: async (payloads: unknown) => payloads, decode: async (payloads: unknown) => payloads }
  /** Answers the newest poll. */
  const answer = async (...events: object[]) => {
    const asked = polls.length
    length += events.length
    polls.at(-1)!.answer({ history: { events }, nextPageToken: new Uint8Array([1]) })
    return asked
  }
  const poll = async (number: number) => {
    while (polls.length < number) await wait(1)
  }
  /** The session has another newest run, with a history of its own. */
  const reset = (runId: string) => {
    newest.runId = runId
    length = 0
  }
  const from = { connection, namespace: 'n', codec } as unknown as HistorySource
  return { source: from, signals, polls, answer, poll, newest, reset }
}

describe('the polls of a tail', () => {
  it('are given a signal each, for what listens to one is never taken off it', async () => {
    const { source: from, signals, answer, poll } = source()
    const tail = new Tail(from, 'sesn_1')
    tail.hold()
    for (let number = 1; number <= 5; number++) {
      await poll(number)
      await answer(started(number, 0))
    }
    await poll(6)
    expect(new Set(signals).size).toBe(6)
    expect(signals.slice(0, 5).some(({ aborted }) => aborted)).toBe(false)
    await tail.end()
    expect(signals[5]!.aborted).toBe(true)
  })

  it('wait for the task that is on its way, except when somebody has to know what there is', async () => {
    const { source: from, polls, answer, poll } = source()
    const tail = new Tail(from, 'sesn_1', { taskTimes: new EndlessTasks() })
    tail.hold()
    await poll(1)
    await answer(scheduled(1, 90_000))
    await wait(5)
    expect(polls.length).toBe(1)
    const caughtUp = tail.catchUp().catch((error) => error)
    await poll(2)
    await answer(completed(2, 90_010))
    await poll(3)
    await tail.end()
    await caughtUp
  })
})

const payloads = (value: unknown) => ({ payloads: [defaultPayloadConverter.toPayload(value)] })
const begun = event(1, 0, { workflowExecutionStartedEventAttributes: { input: payloads(start()) } })

describe('a session that has ended', () => {
  /** A tail that has read the end, and is held. */
  async function tailBehind(end: HistoryEvent) {
    const asked = source()
    const tail = new Tail(asked.source, 'sesn_1')
    tail.hold()
    onTestFinished(() => tail.end())
    await asked.poll(1)
    await asked.answer(begun, end)
    while (!tail.current?.closed) await wait(1)
    return { ...asked, tail, ended: tail.current }
  }
  const terminated = event(2, 1, { workflowExecutionTerminatedEventAttributes: { reason: 'by hand' } })

  it('from outside and was reset is read anew, by all who ask for it', async () => {
    const { tail, ended, answer, poll, reset } = await tailBehind(terminated)
    expect(await tail.catchUp()).toBe(ended)
    reset('b')
    const views = [tail.catchUp(), tail.catchUp()]
    await poll(2)
    await answer(begun, event(2, 3, { workflowPropertiesModifiedEventAttributes: {} }))
    const [view, same] = await Promise.all(views)
    expect(view).not.toBe(ended)
    expect(view).toMatchObject({ closed: false, lastId: 1 })
    expect(same).toBe(view)
    await poll(3)
  })

  it('from outside and was reset before anybody saw the end is read anew, whatever the end was', async () => {
    const asked = source()
    const tail = new Tail(asked.source, 'sesn_1')
    tail.hold()
    onTestFinished(() => tail.end())
    await asked.poll(1)
    asked.newest.runId = 'b'
    await asked.answer(begun, event(2, 1, { workflowExecutionFailedEventAttributes: {} }))
    await asked.poll(2)
    asked.reset('b')
    await asked.answer(begun)
    expect(await tail.catchUp()).toMatchObject({ closed: false, lastId: 1 })
  })

  it('from outside is not taken for read before the end is in the view', async () => {
    const asked = source()
    const tail = new Tail(asked.source, 'sesn_1')
    tail.hold()
    onTestFinished(() => tail.end())
    await asked.poll(1)
    const lookedAgain = Promise.withResolvers<void>()
    asked.newest.slow = lookedAgain.promise
    await asked.answer(begun, terminated)
    while (asked.newest.slow) await wait(1)
    const caughtUp = tail.catchUp()
    setTimeout(lookedAgain.resolve, 10)
    expect(await caughtUp.then(({ closed }) => closed)).toBe(true)
  })

  it('from outside is asked for once a look, and by itself not at all', async () => {
    const { tail, newest } = await tailBehind(terminated)
    const before = newest.asked
    await tail.catchUp()
    expect(newest.asked).toBe(before + 1)

    const byItself = await tailBehind(event(2, 1, { workflowExecutionCompletedEventAttributes: {} }))
    const asked = byItself.newest.asked
    expect(await byItself.tail.catchUp()).toBe(byItself.ended)
    expect(byItself.newest.asked).toBe(asked)
  })
})

describe('the end of a turn', () => {
  const activity = (name: string, result: unknown) => [
    event(2, 1, { activityTaskScheduledEventAttributes: { activityType: { name }, activityId: '1' } }),
    event(3, 2, { activityTaskCompletedEventAttributes: { scheduledEventId: 2, result: payloads(result) } }),
    scheduled(4, 2),
  ]
  /** A tail that has read these, with a workflow task on its way that never ends. */
  async function tailBehind(events: HistoryEvent[]) {
    const asked = source()
    const tail = new Tail(asked.source, 'sesn_1', { taskTimes: new EndlessTasks() })
    tail.hold()
    onTestFinished(() => tail.end())
    await asked.poll(1)
    await asked.answer(begun, ...events)
    while (tail.current?.lastId !== 3) await wait(1)
    return asked
  }
  const result = { content: [], is_error: false, outcome: 'done' }

  it.each([
    ['a reply without calls', activity('callModel', step([]))],
    ['an interrupted call', activity('runTool', { ...result, outcome: 'interrupted' })],
  ])('is waited for by a poll that is there already, behind %s', async (_, events) => {
    await (await tailBehind(events)).poll(2)
  })

  it('is not expected behind a call that is done', async () => {
    const { polls } = await tailBehind(activity('runTool', result))
    await wait(5)
    expect(polls.length).toBe(1)
  })
})

describe('TaskPace', () => {
  it('pauses only while a task is on its way', () => {
    const pace = new TaskPace(new TaskTimes())
    expect(pace.pauseMs).toBe(0)
    pace.see([scheduled(1, 0)])
    expect(pace.pauseMs).toBeGreaterThan(0)
    pace.see([started(2, 1)])
    expect(pace.pauseMs).toBeGreaterThan(0)
    pace.see([completed(3, 5)])
    expect(pace.pauseMs).toBe(0)
    pace.see([scheduled(4, 9)])
    pace.see([event(5, 10, { workflowTaskTimedOutEventAttributes: {} })])
    expect(pace.pauseMs).toBe(0)
  })

  it('comes near to what the tasks of all sessions take, up to a bound', () => {
    const pause = (taskMs: number) => {
      const times = new TaskTimes()
      for (let n = 0; n < 100; n++) {
        const pace = new TaskPace(times)
        pace.see([scheduled(1, 1000 * n)])
        pace.see([started(2, 1000 * n + 1), completed(3, 1000 * n + taskMs)])
      }
      const pace = new TaskPace(times)
      pace.see([scheduled(1, 200_000)])
      return pace.pauseMs
    }
    expect(pause(3)).toBeCloseTo(3, 1)
    expect(pause(20)).toBeCloseTo(20, 1)
    expect(pause(60_000)).toBeLessThanOrEqual(50)
  })

  it('learns nothing from what is read afterwards', () => {
    const times = new TaskTimes()
    const before = times.averageMs
    new TaskPace(times).see([scheduled(1, 0), started(2, 1), completed(3, 5000)])
    expect(times.averageMs).toBe(before)
  })
})
