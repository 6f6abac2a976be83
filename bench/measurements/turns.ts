import { type Bench, cpuOf, waitForWorker, writtenBy } from '../host.ts'
import type { Line, Measurements } from '../measurement.ts'
import { openSession, type Session } from '../open-session.ts'
import { summarize } from '../statistics.ts'

export const withTool = '#bash true\n#say done'
export const withoutTool = '#say done'

/** One session, turn by turn. */
export const turns: Measurements = {
  /** A, B, A, B …: the machine's moods fall on both alike. */
  async turn(bench, { rounds }) {
    const session = await openSession(bench)
    const floor = await bench.floor.session()
    // A new process compiles what it runs often.
    for (let round = 0; round < rounds; round++) {
      await session.turn(withTool)
      await floor()
    }
    const count = 3 * rounds
    const [times, floors]: [number[], number[]] = [[], []]
    for (let round = 0; round < count; round++) {
      times.push(await session.turn(withTool))
      floors.push(await floor())
    }
    session.close()
    const models = (await bench.modelRequests()).slice(-2 * count).map(({ tookMs = 0 }) => tookMs)
    const apart = times.map((time, turn) => time - models[2 * turn]! - models[2 * turn + 1]!)
    const floorTime = summarize(floors)
    const note = 'message, model, bash in the container, model, idle; seen by an SSE reader'
    return [
      { name: 'turn', unit: 'ms', measured: summarize(times), floor: floorTime, note },
      {
        name: 'turn, model apart',
        unit: 'ms',
        measured: summarize(apart),
        floor: floorTime,
        note: "the same without the two replies' time in the scripted model",
      },
    ]
  },

  /** What the machine computes for a turn, by process: the one that sends and reads is named, for the product's readers are elsewhere. */
  async cpu(bench, { rounds }) {
    const session = await openSession(bench)
    const floor = await bench.floor.session()
    const { temporal, workers, api, model } = await bench.busyPids()
    const processes = { temporal, worker: [...workers, bench.floor.pid], api, model, client: [process.pid] }
    const used = () =>
      Promise.all([...Object.values(processes).map((pids) => sum(pids.map(cpuOf))), sum(temporal.map(writtenBy))])
    const each = async (turn: () => Promise<unknown>) => {
      const before = await used()
      for (let round = 0; round < rounds; round++) await turn()
      return (await used()).map((after, index) => (after - before[index]!) / rounds)
    }
    for (const turn of [() => session.turn(withTool), floor]) await each(turn)
    const [measured, floors]: [number[][], number[][]] = [[], []]
    for (let block = 0; block < 4; block++) {
      measured.push(await each(() => session.turn(withTool)))
      floors.push(await each(floor))
    }
    session.close()
    const column = (value: (block: number[]) => number) => ({
      measured: summarize(measured.map(value)),
      floor: summarize(floors.map(value)),
    })
    const processor = { unit: 'ms', note: 'processor time of a turn' }
    return [
      ...Object.keys(processes).map((name, index) => ({
        name: `cpu, ${name}`,
        ...processor,
        ...column((block) => block[index]!),
      })),
      { name: 'cpu, all', ...processor, ...column((block) => block.slice(0, -1).reduce((a, b) => a + b)) },
      {
        name: 'written, temporal',
        unit: 'KB',
        ...column((block) => block.at(-1)! / 1024),
        note: 'to the disk, for a turn',
      },
    ]
  },

  async 'first-event'(bench, { rounds }) {
    const session = await openSession(bench)
    const floor = await bench.floor.session(1)
    await session.turn(withoutTool)
    await floor()
    const [times, floors]: [number[], number[]] = [[], []]
    const isMessage = ({ type }: { type: string }) => type === 'agent.message'
    for (let round = 0; round < rounds; round++) {
      times.push(await session.first(withoutTool, isMessage))
      floors.push(await floor())
    }
    session.close()
    const note = 'POST to the answer on a stream, without tools'
    return [{ name: 'first-event', unit: 'ms', measured: summarize(times), floor: summarize(floors), note }]
  },

  /** The floor of a late turn is an early one of another session at the same time. Afterwards the whole log is read and checked. */
  async long(bench, { turns: count, rounds }) {
    const session = await openSession(bench)
    const lines: Line[] = []
    const window = 2 * rounds
    const lateAt = count >= 10_000 ? [1000, count] : [count]
    for (let turn = 1; turn <= count; turn++) {
      await session.turn(withoutTool)
      if (!lateAt.includes(turn)) continue
      const young = await openSession(bench)
      for (let early = 1; early < 10; early++) await young.turn(withoutTool)
      const [late, early]: [number[], number[]] = [[], []]
      for (let round = 0; round < window; round++) {
        late.push(await session.turn(withoutTool))
        early.push(await young.turn(withoutTool))
      }
      young.close()
      const note = `the ${window} turns behind turn ${turn}, over those behind turn 10 of a session beside it`
      lines.push({ name: `turn ${turn}`, unit: 'ms', measured: summarize(late), floor: summarize(early), note })
      lines.push(...(await cold(bench, session, turn)))
    }
    session.close()
    lines.push(...(await pages(bench, session.id, rounds)))
    await checkLog(bench, session.id, count)
    return lines
  },

  /** Counts, not times: they must not grow. */
  async history(bench) {
    const session = await openSession(bench)
    const { connection, namespace } = bench
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
    const steps = Array.from({ length: 50 }, (_, index) => `#bash echo step ${index}`)
    await session.turn([...steps, '#say done'].join('\n'))
    session.close()
    const usages = (await bench.modelRequests()).slice(-51).flatMap(({ usage }) => (usage ? [usage] : []))
    const prompt = (usage: (typeof usages)[number]) =>
      usage.input_tokens + usage.cache_creation_input_tokens + usage.cache_read_input_tokens
    // An ideal prefix cache reads all of the prompt before.
    const ideal = usages.slice(0, -1).reduce((sum, usage) => sum + prompt(usage), 0)
    const read = usages.slice(1).reduce((sum, usage) => sum + usage.cache_read_input_tokens, 0)
    const note = 'prompt tokens read from the cache over a turn of 50 steps, of what an ideal prefix cache reads'
    return [{ name: 'cache', unit: '%', measured: summarize([(100 * read) / ideal]), note }]
  },
}

async function sum(numbers: Promise<number>[]): Promise<number> {
  return (await Promise.all(numbers)).reduce((total, number) => total + number, 0)
}

/** A turn of a session that no worker remembers: the process that has it is killed before, another one is there. */
async function cold(bench: Bench, session: Session, turn: number): Promise<Line[]> {
  const times: number[] = []
  for (let round = 0; round < 5; round++) {
    const pid = await workerAt(bench, session)
    process.kill(pid, 'SIGKILL')
    await waitForWorker(bench, pid)
    times.push(await session.turn(withoutTool))
  }
  const note = 'message to idle, in a worker that has not seen the session'
  return [{ name: `cold at turn ${turn}`, unit: 'ms', measured: summarize(times), note }]
}

/** The process that runs a session, told from the standby by what it computes. */
async function workerAt(bench: Bench, session: Session): Promise<number> {
  const pids = await bench.workerPids()
  const used = () => Promise.all(pids.map(cpuOf))
  const before = await used()
  for (let turn = 0; turn < 3; turn++) await session.turn(withoutTool)
  const spent = (await used()).map((after, index) => after - before[index]!)
  return pids[spent.indexOf(Math.max(...spent))]!
}

async function pages({ client }: Bench, id: string, rounds: number): Promise<Line[]> {
  const first = async (order: 'asc' | 'desc') => {
    const started = performance.now()
    await client.beta.sessions.events.list(id, { order, limit: 100 })
    return performance.now() - started
  }
  const [oldest, newest]: [number[], number[]] = [[], []]
  for (let round = 0; round < rounds; round++) {
    oldest.push(await first('asc'))
    newest.push(await first('desc'))
  }
  const note = '100 events of the long session'
  return [
    { name: 'list, oldest first', unit: 'ms', measured: summarize(oldest), note },
    { name: 'list, newest first', unit: 'ms', measured: summarize(newest), note },
  ]
}

/** @throws Error when an event is missing, doubled, or not in its place */
async function checkLog({ client }: Bench, id: string, turns: number): Promise<void> {
  const ids = new Set<string>()
  const counts = new Map<string, number>()
  let last = ''
  for await (const event of client.beta.sessions.events.list(id, { limit: 1000 })) {
    if (ids.has(event.id)) throw new Error(`${event.id} is listed twice`)
    ids.add(event.id)
    counts.set(event.type, (counts.get(event.type) ?? 0) + 1)
    const at = event.processed_at ?? ''
    if (at < last) throw new Error(`${event.id} is out of order`)
    last = at
  }
  // Those of the cold measurement come on top.
  const messages = counts.get('user.message') ?? 0
  if (messages < turns) throw new Error(`${messages} messages are listed, ${turns} were sent`)
  const { size } = new Set(['user.message', 'agent.message', 'session.status_idle'].map((type) => counts.get(type)))
  if (size !== 1) throw new Error(`messages, answers and ends differ: ${JSON.stringify([...counts])}`)
}
