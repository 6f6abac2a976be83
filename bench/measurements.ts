import type { Bench } from './host.ts'
import { type Summary, summarize } from './statistics.ts'
import { openSession } from './turns.ts'

/** One line of the table. */
export interface Line {
  name: string
  unit: string
  measured: Summary
  /** The same steps without the product, interleaved with the measurement. */
  floor?: Summary
  note?: string
}

export type Measurement = (bench: Bench, rounds: number) => Promise<Line[]>

const withTool = '#bash true\n#say done'
const withoutTool = '#say done'

export const measurements: Record<string, Measurement> = {
  /** A, B, A, B …: the machine's moods fall on both alike. */
  async turn(bench, rounds) {
    const session = await openSession(bench)
    const floor = await bench.floor.session()
    await session.turn(withTool)
    await floor()
    const [turns, floors]: [number[], number[]] = [[], []]
    for (let round = 0; round < rounds; round++) {
      turns.push(await session.turn(withTool))
      floors.push(await floor())
    }
    session.close()
    const note = 'message, model, bash in the container, model, idle; seen by an SSE reader'
    return [{ name: 'turn', unit: 'ms', measured: summarize(turns), floor: summarize(floors), note }]
  },

  async 'first-event'(bench, rounds) {
    const session = await openSession(bench)
    await session.turn(withoutTool)
    const times: number[] = []
    const isMessage = ({ type }: { type: string }) => type === 'agent.message'
    for (let round = 0; round < rounds; round++) times.push(await session.first(withoutTool, isMessage))
    session.close()
    return [{ name: 'first-event', unit: 'ms', measured: summarize(times), note: 'POST to the answer, without tools' }]
  },

  async create(bench, rounds) {
    const times: number[] = []
    for (let round = 0; round < rounds; round++) {
      const started = performance.now()
      await bench.newSession()
      times.push(performance.now() - started)
    }
    return [{ name: 'create', unit: 'ms', measured: summarize(times), note: 'POST /v1/sessions to its answer, idle' }]
  },

  async 'accept-to-reader'(bench, rounds) {
    const session = await openSession(bench)
    await session.turn(withoutTool)
    const times: number[] = []
    for (let round = 0; round < rounds; round++) {
      const seen = session.until(({ type }) => type === 'user.message')
      await session.send(withoutTool)
      const accepted = performance.now()
      times.push(Math.max(0, (await seen) - accepted))
      await session.until(({ type }) => type === 'session.status_idle')
    }
    session.close()
    return [
      {
        name: 'accept-to-reader',
        unit: 'ms',
        measured: summarize(times),
        note: 'POST answered to the event on a stream',
      },
    ]
  },

  async interrupt(bench, rounds) {
    const session = await openSession(bench)
    const times: number[] = []
    for (let round = 0; round < Math.min(rounds, 15); round++) {
      const running = session.until(({ type }) => type === 'agent.tool_use')
      await session.send('#bash sleep 60\n#say never')
      await running
      const idle = session.until(({ type }) => type === 'session.status_idle')
      const started = performance.now()
      await bench.client.beta.sessions.events.send(session.id, { events: [{ type: 'user.interrupt' }] })
      times.push((await idle) - started)
    }
    session.close()
    return [{ name: 'interrupt', unit: 'ms', measured: summarize(times), note: 'sent, while a tool runs, to idle' }]
  },

  /** Counts, not times: they must not grow. */
  async history(bench) {
    const session = await openSession(bench)
    const { connection, namespace } = bench.host.holdfast.runtime
    const size = async () => {
      const { workflowExecutionInfo: info } = await connection.workflowService.describeWorkflowExecution({
        namespace,
        execution: { workflowId: session.id },
      })
      return { events: Number(info?.historyLength), bytes: Number(info?.historySizeBytes) }
    }
    const lines: Line[] = []
    for (const [from, to] of [
      [1, 6],
      [26, 31],
    ] as const) {
      let before = await size()
      for (let turn = from === 1 ? 0 : 6; turn < to; turn++) {
        if (turn === from) before = await size()
        await session.turn(withTool)
      }
      const after = await size()
      const each = (key: 'events' | 'bytes') => summarize([(after[key] - before[key]) / (to - from)])
      lines.push({ name: `events at turn ${to - 1}`, unit: '', measured: each('events') })
      lines.push({ name: `bytes at turn ${to - 1}`, unit: 'B', measured: each('bytes') })
    }
    session.close()
    return lines
  },

  async cache(bench) {
    const session = await openSession(bench)
    const before = bench.model.requests.length
    const steps = Array.from({ length: 50 }, (_, index) => `#bash echo step ${index}`)
    await session.turn([...steps, '#say done'].join('\n'))
    session.close()
    const usages = bench.model.requests.slice(before).flatMap(({ usage }) => (usage ? [usage] : []))
    const prompt = (usage: (typeof usages)[number]) =>
      usage.input_tokens + usage.cache_creation_input_tokens + usage.cache_read_input_tokens
    // An ideal prefix cache reads all of the prompt before.
    const ideal = usages.slice(0, -1).reduce((sum, usage) => sum + prompt(usage), 0)
    const read = usages.slice(1).reduce((sum, usage) => sum + usage.cache_read_input_tokens, 0)
    const note = 'prompt tokens read from the cache over a turn of 50 steps, of what an ideal prefix cache reads'
    return [{ name: 'cache', unit: '%', measured: summarize([(100 * read) / ideal]), note }]
  },

  async throughput(bench, rounds) {
    const sessions = await Promise.all(Array.from({ length: 20 }, () => openSession(bench)))
    const floors = await Promise.all(Array.from({ length: 20 }, () => bench.floor.session()))
    await Promise.all(sessions.map((session) => session.turn(withoutTool)))
    const perSecond = async (turns: (() => Promise<unknown>)[]) => {
      const started = performance.now()
      await Promise.all(turns.map((turn) => turn()))
      return (1000 * turns.length) / (performance.now() - started)
    }
    const [measured, floor]: [number[], number[]] = [[], []]
    for (let round = 0; round < Math.max(2, Math.min(5, rounds / 10)); round++) {
      measured.push(await perSecond(sessions.map((session) => () => session.turn(withTool))))
      floor.push(await perSecond(floors))
    }
    for (const session of sessions) session.close()
    const note = '20 sessions at once, one turn each'
    return [{ name: 'throughput', unit: 'turns/s', measured: summarize(measured), floor: summarize(floor), note }]
  },
}
