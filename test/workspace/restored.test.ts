import { readdir, rm } from 'node:fs/promises'
import path from 'node:path'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { containersRoot } from '../../activities/container/keeper/session-folder.ts'
import { converse, newSession } from '../support/conversation.ts'
import { keeperPid, startTestHost, type TestHost } from '../support/host.ts'
import { until } from '../support/until.ts'

let host: TestHost
beforeAll(async () => {
  host = await startTestHost({ config: { container: { snapshots: { quietMs: 50 } } } })
})
afterAll(() => host?.remove())

const saved = (id: string) => host.holdfast.runtime.records.snapshots.of(id)
/** Kills what keeps the containers, and removes their files. */
async function loseContainers() {
  process.kill(await keeperPid(host), 'SIGKILL')
  const root = await containersRoot(host.dataDir)
  for (const name of await readdir(root)) {
    if (name.startsWith('sesn_')) await rm(path.join(root, name), { recursive: true })
  }
}
const texts = (events: { type: string }[]) =>
  events
    .filter((event) => event.type === 'agent.tool_result')
    .flatMap((event) => (event as unknown as { content: { text: string }[] }).content.map(({ text }) => text))

it('a session whose container is lost with its files gets them back, and it is told once', async () => {
  const { id } = await newSession(host)
  await converse(host.client, id, '#bash echo kept > file; echo out > /mnt/session/outputs/out.txt\n#say done')
  await until(async () => (await saved(id)) !== undefined)
  await loseContainers()
  const events = await converse(host.client, id, '#bash cat file /mnt/session/outputs/out.txt\n#say done')
  expect(texts(events)).toEqual([expect.stringContaining("[The session's container was lost."), 'kept\nout'])
  expect(events.find((event) => event.type === 'session.error')).toMatchObject({
    error: {
      type: 'unknown_error',
      message: expect.stringContaining('Its files are those of the snapshot of'),
      retry_status: { type: 'retrying' },
    },
  })
  expect(texts(await converse(host.client, id, '#bash echo again\n#say done'))).toEqual(['again'])
  // One output, offered once.
  const files = await host.client.beta.files.list({ scope_id: id } as never)
  expect(files.data.map(({ filename }) => filename)).toEqual(['out.txt'])

  await host.client.beta.sessions.delete(id)
  await until(async () => (await host.holdfast.runtime.records.sessions.get(id)) === undefined)
  expect(await saved(id)).toBeUndefined()
  const left = []
  for await (const key of host.holdfast.runtime.blobs.list(`sessions/${id}/`)) left.push(key)
  expect(left).toEqual([])
})
