import { fork } from 'node:child_process'
import { createReadStream } from 'node:fs'
import { open, rm } from 'node:fs/promises'
import path from 'node:path'
import { Readable } from 'node:stream'
import { fileURLToPath } from 'node:url'
import { newId } from '../../protocol/ids.ts'
import { openRecords } from '../../store/open-records.ts'
import { type Bench, forgetPeak, memoryOf } from '../host.ts'
import type { Measurements } from '../measurement.ts'
import { messageOf } from '../message-of.ts'
import { summarize } from '../statistics.ts'

const MiB = 1024 ** 2

/** What lies on the disk. */
export const storage: Measurements = {
  async 'sessions-list'(bench, { share, rounds }) {
    const count = Math.ceil(100_000 * share)
    const first = async () => {
      const started = performance.now()
      await bench.client.beta.sessions.list({ limit: 20 })
      return performance.now() - started
    }
    const many = (times: number) => series(times, first)
    await Promise.all(Array.from({ length: 20 }, () => bench.newSession()))
    await first()
    const few = await many(rounds)
    await copies(bench, count)
    const note = `first page of ${count} sessions, over that of a few`
    return [{ name: 'sessions-list', unit: 'ms', measured: summarize(await many(rounds)), floor: summarize(few), note }]
  },

  async upload(bench, { share }) {
    const size = Math.ceil(200 * share) * MiB
    const source = path.join(bench.data, 'upload-source')
    const child = fork(fileURLToPath(new URL('../floor/upload.ts', import.meta.url)), [bench.data])
    const { url } = await messageOf<{ url: string }>(child)
    const [measured, floors, peaks]: [number[], number[], number[]] = [[], [], []]
    try {
      await fill(source, size)
      const speed = (ms: number) => (1000 * size) / MiB / ms
      for (let round = 0; round < 6; round++) {
        const { resident } = await memoryOf(bench.pid)
        await forgetPeak(bench.pid)
        measured.push(speed(await timed(() => upload(bench, source))))
        peaks.push(Math.max(0, (await memoryOf(bench.pid)).peak - resident) / MiB)
        floors.push(speed(await timed(() => post(url, Readable.from(createReadStream(source)), {}))))
      }
    } finally {
      child.kill()
      await rm(source, { force: true })
    }
    const note = `${size / MiB} MiB, over a plain copy to a file through Node's HTTP server`
    return [
      { name: 'upload', unit: 'MiB/s', measured: summarize(measured), floor: summarize(floors), note },
      {
        name: 'upload, memory',
        unit: 'MiB',
        measured: summarize(peaks),
        note: 'of the server above what it had before',
      },
    ]
  },
}

async function series(times: number, measure: () => Promise<number>): Promise<number[]> {
  const all: number[] = []
  for (let time = 0; time < times; time++) all.push(await measure())
  return all
}

async function timed(work: () => Promise<unknown>): Promise<number> {
  const started = performance.now()
  await work()
  return performance.now() - started
}

/** Rows of sessions like an existing one, older than it. Their workflows are over and forgotten. */
async function copies(bench: Bench, count: number): Promise<void> {
  const records = await openRecords({ url: `sqlite:${path.join(bench.data, 'records.db')}` })
  const like = (await records.sessions.get(await bench.newSession()))!
  const agent = (await records.sessions.configuration(like.id, like.revision))!
  const year = new Date(Date.now() - 365 * 24 * 3600_000).toISOString()
  for (let made = 0; made < count; made++) {
    await records.sessions.insert({ ...like, id: newId('session'), createdAt: year, idempotencyKey: null }, agent)
  }
  await records.close()
}

async function fill(file: string, size: number): Promise<void> {
  const handle = await open(file, 'w')
  const block = crypto.getRandomValues(new Uint8Array(65_536))
  for (let written = 0; written < size; written += block.length) await handle.write(block)
  await handle.close()
}

/** Multipart by hand, so that the client's own buffers are not measured. */
async function upload({ url }: Bench, source: string): Promise<void> {
  // As long as those of fetch, which the official SDK uploads with.
  const boundary = '----formdata-undici-012345678901'
  async function* body() {
    yield `--${boundary}\r\ncontent-disposition: form-data; name="file"; filename="large.bin"\r\ncontent-type: application/octet-stream\r\n\r\n`
    yield* createReadStream(source)
    yield `\r\n--${boundary}--\r\n`
  }
  await post(`${url}/v1/files`, Readable.from(body()), {
    'content-type': `multipart/form-data; boundary=${boundary}`,
    'x-api-key': 'none',
    'anthropic-version': '2023-06-01',
    'anthropic-beta': 'files-api-2025-04-14',
  })
}

async function post(url: string, body: Readable, headers: Record<string, string>): Promise<void> {
  const response = await fetch(url, {
    method: 'POST',
    body: Readable.toWeb(body) as ReadableStream,
    headers,
    duplex: 'half',
  } as RequestInit)
  const said = await response.text()
  if (!response.ok) throw new Error(said)
}
