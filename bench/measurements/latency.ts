import { setTimeout as wait } from 'node:timers/promises'
import type { Measurements } from '../measurement.ts'
import { openSession } from '../open-session.ts'
import { summarize } from '../statistics.ts'
import { withoutTool } from './turns.ts'

/** How soon something that is asked for is seen. */
export const latency: Measurements = {
  async create(bench, { rounds }) {
    const series = async (pauseMs: number) => {
      const times: number[] = []
      for (let round = 0; round < rounds; round++) {
        await wait(pauseMs)
        const started = performance.now()
        await bench.newSession()
        times.push(performance.now() - started)
      }
      return summarize(times)
    }
    const note = 'POST /v1/sessions to its answer, idle'
    return [
      // Its workflow goes on for a moment after the answer.
      { name: 'create', unit: 'ms', measured: await series(100), note },
      { name: 'create, in a row', unit: 'ms', measured: await series(0), note: `${note}; the next one at once` },
    ]
  },

  async 'create-to-model'({ client, agent, environment, modelRequests }, { rounds }) {
    const times: number[] = []
    for (let round = 0; round < rounds; round++) {
      const text = `#say ${crypto.randomUUID()}`
      const started = Date.now()
      await client.beta.sessions.create({
        agent,
        environment_id: environment,
        initial_events: [{ type: 'user.message', content: [{ type: 'text', text }] }],
      })
      // What the model has been asked is much to read: not while it is measured.
      for (let asked: number | undefined; asked === undefined; ) {
        await wait(500)
        const received = (await modelRequests()).find(({ body }) => JSON.stringify(body.messages).includes(text))
        asked = received?.at
        if (asked !== undefined) times.push(asked - started)
      }
    }
    const note = 'POST /v1/sessions with initial_events to the model request'
    return [{ name: 'create-to-model', unit: 'ms', measured: summarize(times), note }]
  },

  async 'accept-to-reader'(bench, { rounds }) {
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
    const note = 'POST answered to the event on a stream'
    return [{ name: 'accept-to-reader', unit: 'ms', measured: summarize(times), note }]
  },

  async interrupt(bench, { rounds }) {
    const session = await openSession(bench)
    const stopped = async (script: string, begun: string) => {
      const times: number[] = []
      for (let round = 0; round < rounds; round++) {
        const running = session.until(({ type }) => type === begun)
        await session.send(script)
        await running
        // Under way for a moment: the request is out, the command runs.
        await wait(100)
        const idle = session.until(({ type }) => type === 'session.status_idle')
        const started = performance.now()
        await bench.client.beta.sessions.events.send(session.id, { events: [{ type: 'user.interrupt' }] })
        times.push((await idle) - started)
      }
      return summarize(times)
    }
    const lines = [
      { name: 'interrupt a tool', unit: 'ms', measured: await stopped('#bash sleep 60\n#say never', 'agent.tool_use') },
      {
        name: 'interrupt the model',
        unit: 'ms',
        measured: await stopped('#wait 60000\n#say never', 'session.status_running'),
      },
    ]
    session.close()
    return lines.map((line) => ({ ...line, note: 'sent to idle' }))
  },
}
