import { readFile } from 'node:fs/promises'
import path from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Api } from './api.ts'
import type { SeenEvent, StreamItem } from './event-stream.ts'
import type { ModelRequest } from './model-gate.ts'
import type { Accepted, SessionRun } from './session-run.ts'
import { logFile } from './work.ts'

/** All that a user of a session can know of it. */
export interface Evidence {
  name: string
  id: string
  accepted: Accepted[]
  complaints: SessionRun['complaints']
  /** The list in large and in small pages. */
  listed: SeenEvent[]
  pages: SeenEvent[]
  /** What each reader of the stream got. */
  streams: StreamItem[][]
  /** What its commands wrote, line by line. */
  lines: string[]
  /** What the model's server was asked for it. */
  requests: ModelRequest[]
}

export interface Sources {
  api: Api
  containers: string
  requests: ModelRequest[]
}

/** Reads what there is about a session, when nothing moves in it any more, and lets its readers go. */
export async function collect(run: SessionRun, { api, containers, requests }: Sources): Promise<Evidence> {
  const listed = await api.events(run.id, 1000)
  const last = listed.at(-1)
  if (last) await run.seen(last.id)
  // A stream that says more than the list would do so now.
  await sleep(100)
  await run.close()
  const text = await readFile(path.join(containers, run.id, 'workspace', logFile), 'utf8').catch(() => '')
  return {
    name: run.name,
    id: run.id,
    accepted: run.accepted,
    complaints: run.complaints,
    listed,
    pages: await api.events(run.id, 7),
    streams: run.readers.map(({ items }) => items),
    lines: text.split('\n').filter(Boolean),
    requests: requests.filter(({ session }) => session === run.name),
  }
}
