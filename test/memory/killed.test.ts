import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { readdir } from 'node:fs/promises'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest'
import { containersRoot } from '../../activities/container/keeper/session-folder.ts'
import { converse, lastText } from '../support/conversation.ts'
import { startTestHost, type TestHost } from '../support/host.ts'
import { until } from '../support/until.ts'
import { aSessionOf, aStore } from './folders.ts'
import { contentsOf, newStore, sessionWith, versionsOf } from './support.ts'

let host: TestHost
beforeAll(async () => {
  host = await startTestHost()
})
afterAll(() => host?.remove())

const killWorker = () => process.kill(host.workerPids[0]!, 'SIGKILL')

/** A folder of the session on the host. */
const onHost = async (...parts: string[]) => path.join(path.dirname(await containersRoot(host.dataDir)), ...parts)

describe('a worker killed between an agent’s write and its saving', () => {
  it('leaves it to the next one: it is saved once, and the turn goes on', async () => {
    const store = await newStore(host, {}, { '/a.md': 'old' })
    const session = await sessionWith(host, store.id)
    const workspace = await onHost('containers', session.id, 'workspace')
    let killed = false
    const command =
      'echo new > /mnt/memory/notes/a.md; echo made > /mnt/memory/notes/b.md; touch begun; sleep 1; echo over'
    const events = await converse(host.client, session.id, `#bash ${command}\n#say {{last}}`, {
      onEvent: async (event) => {
        if (event.type !== 'agent.tool_use' || killed) return
        killed = true
        await until(() => existsSync(path.join(workspace, 'begun')))
        killWorker()
      },
    })
    expect(lastText(events)).toContain('over')
    expect(await contentsOf(host, store.id)).toEqual({ '/a.md': 'new\n', '/b.md': 'made\n' })
    const versions = await versionsOf(host, store.id, { session_id: session.id })
    expect(versions.map(({ operation, path: at }) => `${operation} ${at}`).toSorted()).toEqual([
      'created /b.md',
      'modified /a.md',
    ])
  })

  it('loses nothing of a session that is idle for ever', async () => {
    const store = await newStore(host)
    const session = await sessionWith(host, store.id)
    await converse(
      host.client,
      session.id,
      '#bash (sleep 1; echo late > /mnt/memory/notes/a.md) > /dev/null 2>&1 &\n#say ok',
    )
    killWorker()
    await until(async () => (await contentsOf(host, store.id))['/a.md'] === 'late\n')
    expect(await versionsOf(host, store.id)).toHaveLength(1)
  })
})

describe('a process killed while it saves', () => {
  it('leaves whole memories, and whoever goes on makes no version twice', { timeout: 120_000 }, async () => {
    const store = await aStore()
    const session = await aSessionOf(store)
    await session.prepare()
    const names = Array.from({ length: 400 }, (_, n) => `/${n}`)
    for (const name of names) await session.write(name, `content of ${name}`)
    const program = fileURLToPath(new URL('save-process.ts', import.meta.url))
    const count = async () => (await store.records.memories.heads(store.id)).length
    for (let aim = 40; ; aim += 90) {
      const saving = spawn(process.execPath, [program, store.url, store.directory, session.session.id], {
        stdio: ['ignore', 'ignore', 'inherit'],
      })
      onTestFinished(() => void saving.kill('SIGKILL'))
      const ended = once(saving, 'exit')
      await until(async () => saving.exitCode !== null || (await count()) >= aim)
      saving.kill('SIGKILL')
      const [code] = await ended
      if (code === 0) break
    }
    const versions = await store.versions()
    expect(versions.map(({ path: at, content }) => `${at} ${content}`).toSorted()).toEqual(
      names.map((name) => `${name} content of ${name}`).toSorted(),
    )
  })
})

describe('a session that ends', () => {
  it('has what it left saved when it is archived', async () => {
    const store = await newStore(host)
    const session = await sessionWith(host, store.id)
    await converse(host.client, session.id, '#bash echo now > /mnt/memory/notes/a.md\n#say ok')
    await converse(
      host.client,
      session.id,
      '#bash (sleep 1; echo late > /mnt/memory/notes/b.md) > /dev/null 2>&1 &\n#say ok',
    )
    const folder = await onHost('memory', session.id, store.id, 'files')
    await until(() => existsSync(path.join(folder, 'b.md')))
    await host.client.beta.sessions.archive(session.id)
    await until(() => !existsSync(folder))
    expect(await contentsOf(host, store.id)).toEqual({ '/a.md': 'now\n', '/b.md': 'late\n' })
  })

  it('leaves no folder when it is deleted; its memories stay', async () => {
    const store = await newStore(host)
    const session = await sessionWith(host, store.id)
    await converse(host.client, session.id, '#bash echo kept > /mnt/memory/notes/a.md\n#say ok')
    const folders = await onHost('memory')
    expect(await readdir(folders)).toContain(session.id)
    await host.client.beta.sessions.delete(session.id)
    await until(async () => !(await readdir(folders)).includes(session.id))
    await until(async () => (await host.client.beta.sessions.list({ memory_store_id: store.id })).data.length === 0)
    expect(await contentsOf(host, store.id)).toEqual({ '/a.md': 'kept\n' })
    const [version] = await versionsOf(host, store.id)
    expect(version?.created_by).toEqual({ type: 'session_actor', session_id: session.id })
  })
})
