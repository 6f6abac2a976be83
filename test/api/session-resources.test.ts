import { toFile } from '@anthropic-ai/sdk'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { Holdfast } from '../../client/holdfast.ts'
import { converse, lastText, newSession } from '../support/conversation.ts'
import { startTestHost, type TestHost } from '../support/host.ts'
import { unheard } from '../support/unheard.ts'

let host: TestHost
beforeAll(async () => {
  host = await startTestHost()
})
afterAll(() => host.remove())

const upload = async (text: string, name = 'note.txt') =>
  (await host.client.beta.files.upload({ file: await toFile(Buffer.from(text), name) })).id
const resources = () => host.client.beta.sessions.resources
const run = async (session: string, command: string) =>
  lastText(await converse(host.client, session, `#bash ${command}`))
const status = async (promise: Promise<unknown>) =>
  promise.then(
    () => 200,
    (error) => [error.status, error.error?.error?.message ?? error.message],
  )

describe('the resources of a session', () => {
  it('are added, retrieved, listed page by page and deleted through the official SDK', async () => {
    const session = await newSession(host)
    const added = []
    for (const name of ['a', 'b', 'c']) {
      added.push(
        await resources().add(session.id, { type: 'file', file_id: await upload(name), mount_path: `/${name}` }),
      )
    }
    expect(added[0]).toMatchObject({ type: 'file', mount_path: '/a', id: expect.stringMatching(/^sesrsc_/) })
    expect(await resources().retrieve(added[1]!.id, { session_id: session.id })).toEqual(added[1])
    expect((await resources().list(session.id)).data).toEqual(added)
    const first = await resources().list(session.id, { limit: 2 })
    expect(first.data).toEqual(added.slice(0, 2))
    expect(await resources().delete(added[1]!.id, { session_id: session.id })).toEqual({
      id: added[1]!.id,
      type: 'session_resource_deleted',
    })
    // The page goes on where it stopped, although what it stopped at is gone.
    expect((await first.getNextPage()).data).toEqual(added.slice(2))
    expect(await status(resources().retrieve(added[1]!.id, { session_id: session.id }) as Promise<unknown>)).toEqual([
      404,
      `resource ${added[1]!.id} was not found`,
    ])
    expect((await host.client.beta.sessions.retrieve(session.id)).resources).toEqual([added[0], added[2]])
    expect((await host.client.beta.files.list({ scope_id: session.id })).data.map(({ id }) => id).sort()).toEqual(
      [added[0]!.file_id, added[2]!.file_id].sort(),
    )
  })

  it('appear in a container that runs, with the next tool call, and its shell goes on', async () => {
    const session = await newSession(host)
    expect(await run(session.id, 'sleep 1000 & job=$!; ls /mnt/session/uploads; echo ready')).toContain('ready')
    const file = await resources().add(session.id, {
      type: 'file',
      file_id: await upload('later'),
      mount_path: '/mnt/session/uploads/deep/later.txt',
    })
    const seen = 'cat /mnt/session/uploads/deep/later.txt; kill -0 $job && echo " still here"'
    expect(await run(session.id, seen)).toContain('later still here')
    expect(await run(session.id, 'echo x > /mnt/session/uploads/deep/later.txt; echo $?')).toContain('Read-only')
    await resources().delete(file.id, { session_id: session.id })
    expect(await run(session.id, 'ls -A /mnt/session/uploads; kill -0 $job && echo only the shell')).toMatch(
      /only the shell$/,
    )
  })

  it('are also where their mount path says when that is elsewhere', async () => {
    const session = await newSession(host)
    await run(session.id, 'echo started')
    await resources().add(session.id, {
      type: 'file',
      file_id: await upload('one'),
      mount_path: '/workspace/in/one.txt',
    })
    expect(await run(session.id, 'cat /workspace/in/one.txt /mnt/session/uploads/workspace/in/one.txt')).toContain(
      'oneone',
    )
  })

  it('are none lost when many are added at once', async () => {
    const session = await newSession(host)
    const file_id = await upload('same')
    await Promise.all(
      Array.from({ length: 20 }, (_, index) =>
        resources().add(session.id, { type: 'file', file_id, mount_path: `/many/${index}` }),
      ),
    )
    expect((await resources().list(session.id)).data).toHaveLength(20)
  })

  it('are whole when nobody knows whether one was added', async () => {
    const session = await newSession(host)
    const file_id = await upload('whole')
    const { runtime } = host.holdfast
    const sessions = { ...runtime.records.sessions, update: unheard(runtime.records.sessions.update) }
    const cut = Holdfast.over({ ...runtime, records: { ...runtime.records, sessions } })
    await expect(cut.sessions.resources.add(session.id, { type: 'file', file_id })).rejects.toMatchObject({
      mayBeDone: true,
    })
    const [added] = (await resources().list(session.id)).data
    const { data } = await host.client.beta.files.list({ scope_id: session.id })
    expect(data).toMatchObject([{ id: (added as { file_id: string }).file_id }])
  })

  it('refuse bad input with its field, and nothing is changed', async () => {
    const session = await newSession(host)
    const file_id = await upload('taken')
    const taken = await resources().add(session.id, { type: 'file', file_id, mount_path: '/data' })
    const refused = async (body: object, message: string) =>
      expect(await status(resources().add(session.id, body as never) as Promise<unknown>)).toEqual([400, message])
    await refused({ type: 'file', file_id: 'file_none' }, 'file_id: file file_none was not found')
    await refused({ type: 'file', file_id, mount_path: '/data' }, 'mount_path: /data collides with /data')
    await refused({ type: 'file', file_id, mount_path: '/data/x' }, 'mount_path: /data/x collides with /data')
    await refused(
      { type: 'file', file_id, mount_path: '/mnt/session/uploads/data' },
      'mount_path: /mnt/session/uploads/data collides with /mnt/session/uploads/data',
    )
    await refused({ type: 'file', file_id, mount_path: '/etc/passwd' }, 'mount_path: /etc belongs to the system')
    await refused(
      { type: 'file', file_id, mount_path: '/mnt/session/outputs/o.txt' },
      'mount_path: /mnt/session/outputs is for what the agent leaves',
    )
    // Counted as the disk does.
    await refused(
      { type: 'file', file_id, mount_path: `/workspace/${'ü'.repeat(128)}` },
      'mount_path: has a part that is longer than 255 bytes',
    )
    await refused(
      { type: 'file', file_id, mount_path: '/workspace'.padEnd(700, '/ü') },
      'mount_path: is longer than 1024 bytes',
    )
    expect(await status(resources().add(session.id, { type: 'memory_store' } as never) as Promise<unknown>)).toEqual([
      400,
      expect.stringContaining('type'),
    ])
    expect(
      await status(
        resources().update(taken.id, { session_id: session.id, authorization_token: 'ghp_x' }) as Promise<unknown>,
      ),
    ).toEqual([400, `resource ${taken.id} is a file: only a github_repository can be updated`])
    expect((await resources().list(session.id)).data).toEqual([taken])
    expect((await host.client.beta.files.list({ scope_id: session.id })).data).toHaveLength(1)
    const other = await newSession(host)
    expect(
      (await status(resources().retrieve(taken.id, { session_id: other.id }) as Promise<unknown>)) as unknown[],
    ).toContain(404)
    await host.client.beta.sessions.archive(session.id)
    await refused({ type: 'file', file_id }, `session ${session.id} is archived and cannot be changed`)
  })
})

describe('changes of a session at the same instant', () => {
  it('are all kept', async () => {
    const session = await newSession(host)
    const keys = Array.from({ length: 12 }, (_, index) => `key-${index}`)
    const { sessions } = host.holdfast
    await Promise.all(keys.map((key) => sessions.update(session.id, { metadata: { [key]: 'set' } })))
    expect(Object.keys((await host.client.beta.sessions.retrieve(session.id)).metadata).sort()).toEqual(keys.sort())
  })
})
