import { fork } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import type { CallTimes } from '../container-process.ts'
import type { Bench } from '../host.ts'
import type { Measurements } from '../measurement.ts'
import { messageOf } from '../message-of.ts'
import { openSession } from '../open-session.ts'
import { summarize } from '../statistics.ts'

/** Tool calls, and the containers that are made for them. */
export const container: Measurements = {
  async tool(bench, { rounds }) {
    const containers = Math.min(rounds, 15)
    const child = fork(fileURLToPath(new URL('../container-process.ts', import.meta.url)), [String(containers)])
    const { first, later, spawned } = await messageOf<CallTimes>(child)
    const sessions = await inSessions(bench, containers)
    return [
      {
        name: 'tool, first call',
        unit: 'ms',
        measured: summarize(first),
        note: 'bash -c true in the container room alone, the container made for it',
      },
      {
        name: 'tool, later call',
        unit: 'ms',
        measured: summarize(later),
        floor: summarize(spawned),
        note: 'over a plain spawn of bash -c true',
      },
      {
        name: 'first in a session',
        unit: 'ms',
        measured: summarize(sessions.first),
        floor: summarize(sessions.later),
        note: "a session's first call when it takes 0.2 s to write, from its tool use to its result on a stream; over its later ones",
      },
    ]
  },
}

/** As a model does: a call is not there at once. This one takes a fifth of a second to write. */
const written = '#slow 100\n#bash true\n#say done'

/** From the event of the tool use to that of its result, in new sessions: their first call and their second. */
async function inSessions(bench: Bench, count: number): Promise<{ first: number[]; later: number[] }> {
  const [first, later]: [number[], number[]] = [[], []]
  for (let made = 0; made < count; made++) {
    const session = await openSession(bench)
    for (const times of [first, later]) {
      const seen = (type: string) => session.until((event) => event.type === type)
      const [used] = await Promise.all([seen('agent.tool_use'), session.send(written)])
      times.push((await seen('agent.tool_result')) - used)
      await seen('session.status_idle')
    }
    session.close()
  }
  return { first, later }
}
