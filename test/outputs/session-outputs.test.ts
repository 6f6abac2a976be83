import { readFile, writeFile } from 'node:fs/promises'
import path from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { containersRoot, SessionFolder } from '../../activities/container/keeper/session-folder.ts'
import { converse, listed, newSession } from '../support/conversation.ts'
import { startTestHost, type TestHost } from '../support/host.ts'
import { until } from '../support/until.ts'

let host: TestHost
beforeAll(async () => {
  host = await startTestHost({ config: { container: { outputs: { fileBytes: 100_000 } } } })
})
afterAll(() => host?.remove())

async function outputsOf(sessionId: string): Promise<Record<string, string>> {
  const contents: Record<string, string> = {}
  for await (const file of host.client.beta.files.list({ scope_id: sessionId })) {
    expect(file).toMatchObject({ downloadable: true, scope: { type: 'session', id: sessionId } })
    contents[file.filename] = await (await host.client.beta.files.download(file.id)).text()
  }
  return contents
}

describe('what an agent leaves in /mnt/session/outputs', () => {
  it('is there to download when the session is idle', async () => {
    const { id } = await newSession(host)
    await converse(
      host.client,
      id,
      '#bash mkdir /mnt/session/outputs/d; echo one > /mnt/session/outputs/d/a.txt\n#say done',
    )
    expect(await outputsOf(id)).toEqual({ 'd/a.txt': 'one\n' })
    await converse(host.client, id, '#bash cd /mnt/session/outputs; echo two > d/a.txt; echo b > b.csv\n#say done')
    expect(await outputsOf(id)).toEqual({ 'd/a.txt': 'two\n', 'b.csv': 'b\n' })
    await converse(host.client, id, '#bash rm /mnt/session/outputs/b.csv\n#say done')
    expect(await outputsOf(id)).toEqual({ 'd/a.txt': 'two\n' })
  })

  it('is there while a long call still runs', async () => {
    const { id } = await newSession(host)
    const conversation = converse(
      host.client,
      id,
      '#bash echo early > /mnt/session/outputs/early; while [ ! -e /workspace/go ]; do sleep 0.1; done\n#say done',
      { until: (event) => event.type === 'session.status_idle' },
    )
    await until(async () => (await outputsOf(id)).early === 'early\n')
    const session = await host.client.beta.sessions.retrieve(id)
    expect(session.status).toBe('running')
    await host.client.beta.sessions.events.send(id, { events: [{ type: 'user.interrupt' }] })
    await conversation
    expect(await outputsOf(id)).toEqual({ early: 'early\n' })
  })

  it('is taken at the end of a turn when a background process wrote it after the call', async () => {
    const { id } = await newSession(host)
    const waiting = 'while [ ! -e /workspace/go ]; do sleep 0.05; done; echo late > /mnt/session/outputs/late'
    await converse(host.client, id, `#bash (${waiting}) > /dev/null 2>&1 &\n#say done`)
    expect(await outputsOf(id)).toEqual({})
    const { workspace, outputs } = new SessionFolder(await containersRoot(host.dataDir), id).layout
    await writeFile(path.join(workspace, 'go'), '')
    await until(async () => (await readFile(path.join(outputs, 'late'), 'utf8').catch(() => '')) === 'late\n')
    await converse(host.client, id, '#say done')
    expect(await outputsOf(id)).toEqual({ late: 'late\n' })
  })

  it('is taken when the session is archived, and stays', async () => {
    const { id } = await newSession(host)
    await converse(host.client, id, '#bash true\n#say done')
    const { outputs } = new SessionFolder(await containersRoot(host.dataDir), id).layout
    await writeFile(path.join(outputs, 'late'), 'late\n')
    await host.client.beta.sessions.archive(id)
    await until(async () => (await outputsOf(id)).late === 'late\n')
  })

  it('is told to the agent when it cannot be had', async () => {
    const { id } = await newSession(host)
    await converse(host.client, id, '#bash truncate -s 200000 /mnt/session/outputs/big\n#say done')
    const result = (await listed(host.client, id)).find((event) => event.type === 'agent.tool_result')
    expect(JSON.stringify(result)).toContain('/mnt/session/outputs/big: it has 200000 bytes')
    expect(await outputsOf(id)).toEqual({})
  })

  it('goes with the session', async () => {
    const { id } = await newSession(host)
    await converse(host.client, id, '#bash echo one > /mnt/session/outputs/a\n#say done')
    const [file] = (await host.client.beta.files.list({ scope_id: id })).data
    await host.client.beta.sessions.delete(id)
    await until(async () => (await host.client.beta.files.list({ scope_id: id })).data.length === 0)
    await expect(host.client.beta.files.download(file!.id)).rejects.toMatchObject({ status: 404 })
  })

  it('is not doubled when the worker is killed', async () => {
    const { id } = await newSession(host)
    const conversation = converse(
      host.client,
      id,
      '#bash echo one > /mnt/session/outputs/a; touch /workspace/begun; while [ ! -e /workspace/go ]; do sleep 0.1; done\n#say done',
      { until: (event) => event.type === 'session.status_idle' },
    )
    await until(async () => Object.keys(await outputsOf(id)).length === 1)
    for (const pid of host.workerPids) process.kill(pid, 'SIGKILL')
    await host.client.beta.sessions.events.send(id, { events: [{ type: 'user.interrupt' }] })
    await conversation
    expect(await outputsOf(id)).toEqual({ a: 'one\n' })
  })
})
