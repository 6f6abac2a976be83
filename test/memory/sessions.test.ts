import { existsSync } from 'node:fs'
import { writeFile } from 'node:fs/promises'
import path from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { containersRoot } from '../../activities/container/keeper/session-folder.ts'
import { converse, lastText, newSession } from '../support/conversation.ts'
import { startTestHost, type TestHost } from '../support/host.ts'
import { refusal } from '../support/refusal.ts'
import { until } from '../support/until.ts'
import { attach, contentsOf, newStore, sessionWith, versionsOf } from './support.ts'

let host: TestHost
beforeAll(async () => {
  host = await startTestHost()
})
afterAll(() => host?.remove())

/** Lets the agent of the session run a command and returns what it saw. */
const bash = async (sessionId: string, command: string) =>
  lastText(await converse(host.client, sessionId, `#bash ${command}\n#say {{last}}`))

describe('a memory store attached to a session', () => {
  it('is shown with the name and description of the moment, and found by the list of sessions', async () => {
    const store = await newStore(host, { name: 'User Notes: Ünal!', description: 'd' })
    const other = await newStore(host, { name: 'user notes nal' })
    const session = await host.client.beta.sessions.create({
      agent: host.agent,
      environment_id: host.environment,
      resources: [
        { type: 'memory_store', memory_store_id: store.id, instructions: 'Look here first.' },
        { type: 'memory_store', memory_store_id: other.id, access: 'read_only' },
      ],
    })
    const first = {
      type: 'memory_store',
      memory_store_id: store.id,
      access: 'read_write',
      instructions: 'Look here first.',
      name: 'User Notes: Ünal!',
      description: 'd',
      mount_path: '/mnt/memory/user-notes-nal',
    }
    expect(session.resources).toEqual([
      first,
      expect.objectContaining({ access: 'read_only', instructions: null, mount_path: '/mnt/memory/user-notes-nal-2' }),
    ])
    await host.client.beta.memoryStores.update(store.id, { name: 'Renamed' })
    expect((await host.client.beta.sessions.retrieve(session.id)).resources[0]).toEqual(first)
    const found = await host.client.beta.sessions.list({ memory_store_id: store.id })
    expect(found.data.map(({ id }) => id)).toEqual([session.id])
  })

  it('can have its text under the older name', async () => {
    const store = await newStore(host)
    const { resources } = await attach(host, [{ memory_store_id: store.id, prompt: 'older' }])
    expect(resources).toMatchObject([{ instructions: 'older' }])
  })

  it('must exist, be live, be attached once and be one of eight', async () => {
    const store = await newStore(host)
    const archived = await newStore(host)
    await host.client.beta.memoryStores.archive(archived.id)
    const refused = async (...resources: object[]) => (await refusal(() => attach(host, resources))).message
    expect(await refused({ memory_store_id: 'memstore_none' })).toMatch(/^resources\.0\.memory_store_id: .* not found/)
    expect(await refused({ memory_store_id: archived.id })).toMatch(/^resources\.0\.memory_store_id: .* archived/)
    const twice = { memory_store_id: store.id }
    expect(await refused(twice, twice)).toMatch(/^resources\.1\.memory_store_id: .* twice/)
    const both = { memory_store_id: store.id, instructions: 'a', prompt: 'b' }
    expect(await refused(both)).toMatch(/^resources\.0: instructions and prompt/)
    expect(await refused({ memory_store_id: store.id, instructions: 'x'.repeat(4097) })).toMatch(/instructions/)
    const nine = await Promise.all(Array.from({ length: 9 }, () => newStore(host)))
    expect(await refused(...nine.map(({ id }) => ({ memory_store_id: id })))).toMatch(/^resources: at most 8/)
  })

  it('is described to the model', async () => {
    const store = await newStore(host, { name: 'Notes', description: 'of the user' })
    const session = await attach(host, [{ memory_store_id: store.id, instructions: 'Keep it tidy.' }])
    await converse(host.client, session.id, '#say hello')
    const system = JSON.stringify(host.model.requests.at(-1)!.body.system)
    for (const text of ['/mnt/memory/notes (read and write): Notes', 'of the user', 'Keep it tidy.']) {
      expect(system).toContain(text)
    }
  })
})

describe('an agent with a memory store', () => {
  it('reads its memories as files, and what it writes becomes versions by the session', async () => {
    const store = await newStore(host, {}, { '/old.md': 'old', '/deep/er/b.md': 'b', '/gone.md': '' })
    const session = await sessionWith(host, store.id)
    const command =
      'cd /mnt/memory/notes; cat old.md deep/er/b.md; echo new >> old.md; mkdir -p x/y; echo made > x/y/z; rm gone.md'
    expect(await bash(session.id, command)).toMatch(/oldb$/)
    expect(await contentsOf(host, store.id)).toEqual({
      '/old.md': 'oldnew\n',
      '/deep/er/b.md': 'b',
      '/x/y/z': 'made\n',
    })
    const versions = await versionsOf(host, store.id, { session_id: session.id })
    expect(versions.map(({ operation, path }) => `${operation} ${path}`).toSorted()).toEqual([
      'created /x/y/z',
      'deleted /gone.md',
      'modified /old.md',
    ])
    const actor = { type: 'session_actor', session_id: session.id }
    for (const version of versions) expect(version.created_by).toEqual(actor)
    // Looking at it changes nothing.
    await bash(session.id, 'cat /mnt/memory/notes/old.md; touch /mnt/memory/notes/old.md')
    expect(await versionsOf(host, store.id, { session_id: session.id })).toHaveLength(3)
  })

  it('writes with every tool', async () => {
    const store = await newStore(host, {}, { '/a.md': 'one two' })
    const session = await sessionWith(host, store.id)
    const file = '/mnt/memory/notes'
    const edit = JSON.stringify({ file_path: `${file}/a.md`, old_string: 'two', new_string: 'three' })
    const write = JSON.stringify({ file_path: `${file}/sub/b.md`, content: 'written' })
    await converse(host.client, session.id, `#tool edit ${edit}\n#tool write ${write}\n#say done`)
    expect(await contentsOf(host, store.id)).toEqual({ '/a.md': 'one three', '/sub/b.md': 'written' })
  })

  it('sees what others have written since', async () => {
    const store = await newStore(host, {}, { '/a.md': 'first', '/b/c.md': 'c' })
    const [one, two] = [await sessionWith(host, store.id), await sessionWith(host, store.id)]
    await bash(one.id, 'cat /mnt/memory/notes/a.md')
    await bash(two.id, 'cd /mnt/memory/notes; echo second > a.md; rm -r b; echo file > b')
    expect(await bash(one.id, 'cd /mnt/memory/notes; cat a.md b; ls -A | tr "\\n" " "')).toMatch(/second\nfile\na.md b/)
  })

  it('does not lose what another wrote at the same time: the last one wins, the history has both', async () => {
    const store = await newStore(host, {}, { '/a.md': 'base' })
    const [one, two] = [await sessionWith(host, store.id), await sessionWith(host, store.id)]
    const workspace = path.join(await containersRoot(host.dataDir), one.id, 'workspace')
    const command = 'echo one > /mnt/memory/notes/a.md; touch begun; until [ -e go ]; do sleep 0.05; done'
    const first = converse(host.client, one.id, `#bash ${command}\n#say done`)
    await until(() => existsSync(path.join(workspace, 'begun')))
    await bash(two.id, 'cd /mnt/memory/notes; echo two > a.md')
    await writeFile(path.join(workspace, 'go'), '')
    await first
    const contents = (await versionsOf(host, store.id, { view: 'full' })).map(({ content }) => content)
    expect(contents.toSorted()).toEqual(['base', 'one\n', 'two\n'])
    const { '/a.md': last } = await contentsOf(host, store.id)
    expect(last).toBe(contents[0])
    expect(await bash(one.id, 'cat /mnt/memory/notes/a.md')).toContain(last!.trim())
  })

  it('cannot change a store that is read-only', async () => {
    const store = await newStore(host, {}, { '/a.md': 'kept' })
    const session = await attach(host, [{ memory_store_id: store.id, access: 'read_only' }])
    const seen = await bash(
      session.id,
      'cd /mnt/memory/notes; cat a.md; echo x > a.md || echo no; echo x > b || echo no; rm a.md || echo no; echo x > ../c || echo no',
    )
    expect(seen).toMatch(/kept/)
    expect(seen.match(/^no$/gm)).toHaveLength(4)
    expect(await contentsOf(host, store.id)).toEqual({ '/a.md': 'kept' })
    await host.client.beta.memoryStores.memories.create(store.id, { path: '/b.md', content: 'later' })
    expect(await bash(session.id, 'cat /mnt/memory/notes/b.md')).toContain('later')
  })

  it('is told once what is not saved', async () => {
    const store = await newStore(host, {}, { '/dir/a.md': 'a' })
    const session = await sessionWith(host, store.id)
    const told = await bash(
      session.id,
      'cd /mnt/memory/notes; head -c 102401 /dev/zero | tr "\\0" x > big; printf "a\\0b" > binary; ln -s /etc/passwd link; mkfifo pipe; rm -r dir; echo x > dir; echo ok > "ctl$(printf "\\007")"; echo fine > fine',
    )
    expect(told).toContain('[About your memory stores]')
    expect(told).toContain('/mnt/memory/notes/big: not saved: it is larger than 102400 bytes')
    expect(told).toContain('/mnt/memory/notes/binary: not saved: it is not UTF-8 text')
    expect(told).toContain('/mnt/memory/notes/link: not saved: it is a symbolic link')
    expect(told).toContain('/mnt/memory/notes/pipe: not saved: it is no regular file')
    expect(told).toContain('/mnt/memory/notes/ctl?: not saved: its path has a control or format character')
    expect(await contentsOf(host, store.id)).toEqual({ '/dir': 'x\n', '/fine': 'fine\n' })
    expect(await bash(session.id, 'echo quiet')).not.toContain('[About')
    expect(await bash(session.id, 'rm /mnt/memory/notes/big; echo small > /mnt/memory/notes/big')).not.toContain('big')
    expect((await contentsOf(host, store.id))['/big']).toBe('small\n')
  })

  it('saves what a background process writes after the turn', async () => {
    const store = await newStore(host)
    const session = await sessionWith(host, store.id)
    await bash(session.id, '(sleep 1; echo late > /mnt/memory/notes/late.md) > /dev/null 2>&1 &')
    await until(async () => (await contentsOf(host, store.id))['/late.md'] === 'late\n')
  })

  it('has two stores side by side', async () => {
    const [a, b] = [await newStore(host, { name: 'A' }), await newStore(host, { name: 'B' })]
    const session = await attach(host, [{ memory_store_id: a.id }, { memory_store_id: b.id }])
    await bash(session.id, 'echo 1 > /mnt/memory/a/x; mv /mnt/memory/a/x /mnt/memory/b/y; echo 2 > /mnt/memory/a/z')
    expect([await contentsOf(host, a.id), await contentsOf(host, b.id)]).toEqual([{ '/z': '2\n' }, { '/y': '1\n' }])
  })
})

describe('a memory store that goes while it is attached', () => {
  it('takes no changes any more when archived, and stays readable', async () => {
    const store = await newStore(host, {}, { '/a.md': 'kept' })
    const session = await sessionWith(host, store.id)
    await bash(session.id, 'true')
    await host.client.beta.memoryStores.archive(store.id)
    const told = await bash(session.id, 'cd /mnt/memory/notes; cat a.md; echo x > b.md; rm a.md')
    expect(told).toMatch(/kept[\s\S]*b\.md: not saved: the memory store was archived/)
    expect(await contentsOf(host, store.id)).toEqual({ '/a.md': 'kept' })
    expect(await bash(session.id, 'echo still here')).toContain('still here')
  })

  it('leaves an empty folder when deleted, and the agent is told', async () => {
    const store = await newStore(host, {}, { '/a.md': 'secret', '/b/c.md': 'secret' })
    const session = await sessionWith(host, store.id)
    await bash(session.id, 'echo mine > /mnt/memory/notes/mine')
    await host.client.beta.memoryStores.delete(store.id)
    expect(await bash(session.id, 'ls -A /mnt/memory/notes | wc -l')).toMatch(/0[\s\S]*the memory store was deleted/)
    expect(await bash(session.id, 'echo x > /mnt/memory/notes/b.md')).toMatch(/b\.md: not saved: .* deleted/)
    expect(await bash(session.id, 'echo quiet')).not.toContain('[About')
    expect((await host.client.beta.sessions.retrieve(session.id)).resources).toHaveLength(1)
  })
})

describe('a session without stores', () => {
  it('has an empty /mnt/memory that it cannot write to', async () => {
    const session = await newSession(host)
    expect(await bash(session.id, 'ls -A /mnt/memory; mkdir /mnt/memory/x || echo refused')).toContain('refused')
  })
})
