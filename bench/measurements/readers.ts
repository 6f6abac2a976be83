import { fork } from 'node:child_process'
import { once } from 'node:events'
import { connect } from 'node:net'
import { setTimeout as wait } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import type { Bench } from '../host.ts'
import { many } from '../many.ts'
import type { Line, Measurements } from '../measurement.ts'
import { messageOf } from '../message-of.ts'
import { summarize } from '../statistics.ts'
import { withoutTool } from './turns.ts'

/** A thousand who follow sessions. */
export const readers: Measurements = {
  async readers(bench, { share }) {
    const count = Math.ceil(1000 * share)
    const lines: Line[] = []
    const plain = await plainServer()
    for (const sessions of [1, Math.ceil(100 * share)]) {
      const ids = await blockedSessions(bench, sessions)
      const taken = await many(sessions, () => bench.floor.listener())
      const listeners = new Map(ids.map((id, index) => [id, taken[index]!]))
      const [measured, floors, durable]: [Delivery[], Delivery[], Delivery[]] = [[], [], []]
      const url = (id: string) => `${bench.url}/v1/sessions/${id}/events/stream`
      const plainUrl = (id: string) => `${plain.url}/${id}`
      const accepted = async (id: string) => {
        await listeners.get(id)!(messages)
        await plain.burst(id)
      }
      // A new process compiles what it runs often.
      for (let round = -warmUps; round < rounds; round++) {
        const delivered = [
          await deliveries(count, ids, url, burst(bench)),
          await deliveries(count, ids, plainUrl, plain.burst),
          await deliveries(count, ids, plainUrl, accepted),
        ]
        if (round < 0) continue
        for (const [index, list] of [measured, floors, durable].entries()) list.push(delivered[index]!)
      }
      const line = (name: string, unit: string, what: keyof Delivery, floor: Delivery[], note: string) => ({
        name,
        unit,
        measured: summarize(measured.map((delivery) => delivery[what])),
        floor: summarize(floor.map((delivery) => delivery[what])),
        note,
      })
      const name = `readers of ${sessions}`
      const note = `events to ${count} readers of ${sessions} sessions, 100 events each; over a plain Node SSE server`
      lines.push(
        line(name, '/s', 'perSecond', floors, note),
        line(`${name}, p99`, 'ms', 'p99', floors, 'POST to the last of the events at a reader'),
        line(
          `${name}, durable`,
          '/s',
          'perSecond',
          durable,
          'over that server when a bare workflow takes the events in first',
        ),
      )
    }
    await plain.stop()
    return lines
  },
}

const events = 100
const warmUps = 4
const rounds = 5

/** Sessions that wait for a tool's result: what is sent to them is delivered to readers and begins no turn. */
async function blockedSessions({ client, environment }: Bench, count: number): Promise<string[]> {
  const lookup = {
    type: 'custom' as const,
    name: 'lookup',
    description: 'a question',
    input_schema: { type: 'object' as const },
  }
  const agent = await client.beta.agents.create({ name: 'blocked', model: 'claude-opus-5', tools: [lookup] })
  return many(count, async () => {
    const { id } = await client.beta.sessions.create({
      agent: agent.id,
      environment_id: environment,
      initial_events: [{ type: 'user.message', content: [{ type: 'text', text: '#tool lookup {}' }] }],
    })
    while ((await client.beta.sessions.retrieve(id)).status !== 'idle') await wait(50)
    return id
  })
}

const messages = Array.from({ length: events }, () => ({
  type: 'user.message' as const,
  content: [{ type: 'text' as const, text: withoutTool }],
}))

const sent = JSON.stringify({ events: messages })

/** Has a session receive a hundred events at once, which its readers see as they come. */
const burst = (bench: Bench) => async (id: string) => {
  const headers = {
    'content-type': 'application/json',
    'x-api-key': 'none',
    'anthropic-version': '2023-06-01',
    'anthropic-beta': 'managed-agents-2026-04-01',
  }
  const response = await fetch(`${bench.url}/v1/sessions/${id}/events`, { method: 'POST', headers, body: sent })
  await response.arrayBuffer()
  if (!response.ok) throw new Error(`events were answered with ${response.status}`)
}

interface Delivery {
  /** Events for each second, all readers together, from the moment of sending to the last one. */
  perSecond: number
  /** Milliseconds from the moment of sending until all but a hundredth of the readers have everything. */
  p99: number
}

async function deliveries(
  count: number,
  ids: string[],
  urlOf: (id: string) => string,
  send: (id: string) => Promise<void>,
): Promise<Delivery> {
  const readers = await many(count, async () =>
    openReader(new URL(urlOf(ids[Math.floor(Math.random() * ids.length)]!))),
  )
  const marks = readers.map(({ seen }) => seen())
  const reached = Promise.all(readers.map((reader, index) => reader.reaches(marks[index]! + events)))
  const started = performance.now()
  await Promise.all(ids.map(send))
  const ends = await reached
  for (const { close } of readers) close()
  // What is still under way must not fall on the next measurement.
  await wait(2000)
  return {
    perSecond: (1000 * count * events) / (Math.max(...ends) - started),
    p99: summarize(ends, 0.99).p95 - started,
  }
}

/** A reader that only counts `data:` lines of messages: what it costs is small beside what is measured. */
async function openReader(url: URL) {
  const socket = connect(Number(url.port), url.hostname)
  const needle = Buffer.from('"type":"user.message"')
  let seen = 0
  let rest = Buffer.alloc(0)
  const waiting: (() => void)[] = []
  socket.on('data', (chunk) => {
    const data = Buffer.concat([rest, chunk])
    let from = 0
    for (let at = data.indexOf(needle); at >= 0; at = data.indexOf(needle, from)) {
      seen++
      from = at + needle.length
    }
    rest = data.subarray(Math.max(from, data.length - needle.length + 1))
    for (const wake of waiting) wake()
  })
  socket.write(
    `GET ${url.pathname} HTTP/1.1\r\nhost: ${url.host}\r\naccept: text/event-stream\r\nx-api-key: none\r\nanthropic-version: 2023-06-01\r\n\r\n`,
  )
  await once(socket, 'data')
  return {
    seen: () => seen,
    reaches: (wanted: number) =>
      new Promise<number>((resolve) => {
        const look = () => seen >= wanted && resolve(performance.now())
        waiting.push(look)
        look()
      }),
    close: () => socket.destroy(),
  }
}

async function plainServer() {
  const child = fork(fileURLToPath(new URL('../floor/event-stream.ts', import.meta.url)))
  const { url } = await messageOf<{ url: string }>(child)
  return {
    url,
    burst: async (id: string) => {
      await fetch(`${url}/${id}`, { method: 'POST', body: String(events) })
    },
    async stop() {
      child.kill()
      await once(child, 'exit')
    },
  }
}
