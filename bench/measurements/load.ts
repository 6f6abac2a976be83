import { fork } from 'node:child_process'
import { setTimeout as wait } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { type Bench, memoryOf, startBench } from '../host.ts'
import { many } from '../many.ts'
import type { Line, Measurements } from '../measurement.ts'
import { messageOf } from '../message-of.ts'
import { openSession } from '../open-session.ts'
import { quiet } from '../quiet.ts'
import { type Summary, summarize } from '../statistics.ts'
import { withoutTool, withTool } from './turns.ts'

/** Many at once. */
export const load: Measurements = {
  async throughput(bench, { share }) {
    const count = Math.ceil(50 * share)
    const sessions = await many(count, () => openSession(bench))
    const floors = await many(count, () => bench.floor.session())
    await Promise.all(sessions.map((session) => session.turn(withTool)))
    await Promise.all(floors.map((turn) => turn()))
    const perSecond = async (all: (() => Promise<unknown>)[]) => {
      const started = performance.now()
      await Promise.all(all.map((turn) => turn()))
      return (1000 * all.length) / (performance.now() - started)
    }
    const [measured, floor]: [number[], number[]] = [[], []]
    for (let round = 0; round < 5; round++) {
      measured.push(await perSecond(sessions.map((session) => () => session.turn(withTool))))
      floor.push(await perSecond(floors))
    }
    for (const session of sessions) session.close()
    const note = `${count} sessions at once, one turn each`
    return [{ name: 'throughput', unit: 'turns/s', measured: summarize(measured), floor: summarize(floor), note }]
  },

  /** More than the machine can do at once: everybody gets a share, and what is sent meanwhile is accepted soon. */
  async overload(bench, { share }) {
    const count = Math.ceil(200 * share)
    const sessions = await many(count, () => openSession(bench))
    const others = await many(20, () => bench.newSession())
    const sender = fork(fileURLToPath(new URL('../accepts-process.ts', import.meta.url)), [
      bench.url,
      withoutTool,
      ...others,
    ])
    await messageOf(sender)
    const rounds: Summary[] = []
    const accepts: number[] = []
    for (let round = 0; round < 8; round++) {
      const finished = Promise.all(sessions.map((session) => session.turn(withoutTool)))
      // The two hundred are accepted first.
      await Promise.race([finished, wait(3000)])
      sender.send(true)
      rounds.push(summarize(await finished, 0.99))
      sender.send(false)
      // What it sent last must not meet the next two hundred.
      accepts.push(...(await messageOf<number[]>(sender)))
    }
    sender.kill()
    for (const session of sessions) session.close()
    const fair = {
      name: 'fairness',
      unit: 'ms',
      measured: summarize(rounds.map(({ p95 }) => p95)),
      floor: summarize(rounds.map(({ median }) => median)),
      note: `${count} messages at once, each to its idle: the 99th percentile over the median, in ${rounds.length} rounds`,
    }
    const accepted = {
      name: 'accept, overloaded',
      unit: 'ms',
      measured: summarize(accepts, 0.99),
      note: 'POST of an event while their turns queue; median and 99th percentile',
    }
    // A few sessions (--quick) are done before anything else is sent.
    return accepts.length > 0 ? [fair, accepted] : [fair]
  },

  /** On a host of its own, for memory that other measurements have left is given back late. */
  async 'idle-sessions'(_bench, { share, rounds }) {
    const count = Math.ceil(5000 * share)
    const bench = await startBench()
    try {
      // The first turn that a process ever does loads and compiles code: that is not what idle sessions cost.
      const other = await openSession(bench)
      for (let turn = 0; turn < 10; turn++) await other.turn(withoutTool)
      other.close()
      await quiet(bench)
      const before = await memory(bench)
      const ids = await many(count, () => bench.newSession())
      await quiet(bench)
      const each = ((await memory(bench)) - before) / count / 1024
      const session = await openSession(bench, ids[0])
      const first = await session.turn(withoutTool)
      session.close()
      return [
        ...(await pages(bench, rounds)),
        {
          name: 'idle session',
          unit: 'KB',
          measured: summarize([each]),
          note: `of memory, worker and server, each of ${count}`,
        },
        {
          name: 'first to answer',
          unit: 'ms',
          measured: summarize([first]),
          note: `message to idle, beside ${count} idle sessions`,
        },
      ]
    } finally {
      await bench.stop()
    }
  },
}

/** A page of sessions that Temporal knows, whichever end of them it is of. */
async function pages({ client }: Bench, rounds: number): Promise<Line[]> {
  const orders = ['desc', 'asc'] as const
  const times = orders.map((): number[] => [])
  for (let round = 0; round < rounds; round++) {
    for (const [index, order] of orders.entries()) {
      const started = performance.now()
      await client.beta.sessions.list({ limit: 20, order })
      times[index]!.push(performance.now() - started)
    }
  }
  return orders.map((order, index) => ({
    name: `live sessions, ${order === 'desc' ? 'newest' : 'oldest'}`,
    unit: 'ms',
    measured: summarize(times[index]!),
    note: 'a page of 20 of them, beside the others',
  }))
}

async function memory(bench: Bench): Promise<number> {
  const pids = [bench.pid, ...(await bench.workerPids())]
  const all = await Promise.all(pids.map(async (pid) => (await memoryOf(pid)).resident))
  return all.reduce((sum, bytes) => sum + bytes, 0)
}
