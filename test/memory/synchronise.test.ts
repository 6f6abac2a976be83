import { mkdir, readdir, readFile, rename, rm, symlink, utimes, writeFile } from 'node:fs/promises'
import path from 'node:path'
import { describe, expect, it } from 'vitest'
import { temporaryFolder } from '../support/temporary-folder.ts'
import { until } from '../support/until.ts'
import { aSessionOf, aStore, failingAfter, hands } from './folders.ts'

describe('a session’s folder', () => {
  it('follows the store and the store the folder', async () => {
    const store = await aStore({ '/a': '1', '/d/b': '2' })
    const session = await aSessionOf(store)
    expect(await session.prepare()).toEqual([{ target: '/mnt/memory/notes', source: session.folder, mode: 'rw' }])
    expect(await session.contents()).toEqual({ '/a': '1', '/d/b': '2' })
    await session.write('/a', '1b')
    await session.write('/new/c', '3')
    await session.remove('/d')
    await store.write('/e', '4')
    expect(await session.save()).toBeUndefined()
    const both = { '/a': '1b', '/e': '4', '/new/c': '3' }
    expect([await session.contents(), await store.contents()]).toEqual([both, both])
  })

  it('shows a change of the same size, also when the times are set back', async () => {
    const store = await aStore({ '/a': 'one' })
    const session = await aSessionOf(store)
    await session.prepare()
    for (const content of ['two', 'six', 'ten']) {
      await session.write('/a', content)
      await utimes(`${session.folder}/a`, 1, 1)
      await session.save()
    }
    expect((await store.versions()).map(({ content }) => content)).toEqual(['one', 'two', 'six', 'ten'])
  })

  it('keeps what the agent has changed and not yet saved', async () => {
    const store = await aStore({ '/a': 'base' })
    const session = await aSessionOf(store)
    await session.prepare()
    await session.write('/a', 'agent')
    await store.write('/a', 'api')
    await session.prepare()
    expect(await store.contents()).toEqual({ '/a': 'agent' })
    expect((await store.versions()).map(({ content }) => content)).toEqual(['base', 'api', 'agent'])
  })

  it('brings back what the agent deleted when others have changed it meanwhile', async () => {
    const store = await aStore({ '/a': 'base' })
    const session = await aSessionOf(store)
    await session.prepare()
    await session.remove('/a')
    await store.write('/a', 'newer')
    await session.save()
    expect([await session.contents(), await store.contents()]).toEqual([{ '/a': 'newer' }, { '/a': 'newer' }])
  })

  it('saves again what the agent has changed and others have deleted', async () => {
    const store = await aStore({ '/a': 'base' })
    const session = await aSessionOf(store)
    await session.prepare()
    await session.write('/a', 'agent')
    await store.remove('/a')
    await session.save()
    expect(await store.contents()).toEqual({ '/a': 'agent' })
  })

  it('takes a folder in place of a file, and a file in place of a folder', async () => {
    const store = await aStore({ '/x': '1', '/y/z': '2' })
    const [here, there] = [await aSessionOf(store), await aSessionOf(store)]
    await here.prepare()
    await there.prepare()
    await here.remove('/x')
    await here.write('/x/in', '3')
    await here.remove('/y')
    await here.write('/y', '4')
    await here.save()
    await there.prepare()
    const expected = { '/x/in': '3', '/y': '4' }
    expect([await store.contents(), await there.contents()]).toEqual([expected, expected])
  })

  it('says which path is in the way of another, and takes it when it is not any more', async () => {
    const store = await aStore()
    const session = await aSessionOf(store)
    await session.prepare()
    await session.write('/notes/todo', 'mine')
    await store.write('/notes', 'theirs')
    expect(await session.save()).toMatch(/notes\/todo: not saved: the store has a memory at \/notes/)
    expect(await session.contents()).toEqual({ '/notes/todo': 'mine' })
    await store.remove('/notes')
    await session.save()
    expect(await store.contents()).toEqual({ '/notes/todo': 'mine' })
  })

  it('does not show a memory whose name no file can have, and does not delete it', async () => {
    const store = await aStore({ [`/${'x'.repeat(300)}`]: 'long' })
    const session = await aSessionOf(store)
    await session.prepare()
    expect(await session.save()).toMatch(/not shown/)
    await session.write('/a', '1')
    await session.save()
    expect(Object.values(await store.contents())).toEqual(['1', 'long'])
  })

  it('has a file whose name is no text left out', async () => {
    const store = await aStore()
    const session = await aSessionOf(store)
    await session.prepare()
    await writeFile(Buffer.concat([Buffer.from(`${session.folder}/a`), Buffer.from([0xff])]), 'x')
    await session.write('/e\u0301', 'not normalized')
    expect(await session.save()).toMatch(/name that is not UTF-8[\s\S]*not in Unicode normalization form C/)
    expect(await store.contents()).toEqual({})
  })

  it('has what is too much for a store left out, and says so', { timeout: 60_000 }, async () => {
    const store = await aStore()
    const session = await aSessionOf(store)
    await session.prepare()
    for (let n = 0; n < 2003; n++) await session.write(`/${n}`, 'x')
    const told = await session.save()
    expect(told?.match(/the memory store is full/g)).toHaveLength(3)
    expect(Object.keys(await store.contents())).toHaveLength(2000)
  })

  it('that holds far too much loses no memory', { timeout: 60_000 }, async () => {
    const store = await aStore({ '/kept': '1', '/zz': '2' })
    const session = await aSessionOf(store)
    await session.prepare()
    await Promise.all(
      Array.from({ length: 110 }, async (_, folder) => {
        await mkdir(`${session.folder}/${folder}`)
        for (let n = 0; n < 100; n++) await mkdir(`${session.folder}/${folder}/${n}`)
      }),
    )
    await session.remove('/zz')
    expect(await session.save()).toMatch(/holds too many files/)
    expect(await store.contents()).toEqual({ '/kept': '1', '/zz': '2' })
  })

  it('full of other things loses no memory either', { timeout: 60_000 }, async () => {
    const store = await aStore({ '/kept': '1', '/zz': '2' })
    const session = await aSessionOf(store)
    await session.prepare()
    await Promise.all(Array.from({ length: 1100 }, (_, n) => symlink('/', `${session.folder}/link${n}`)))
    await session.remove('/zz')
    const told = await session.save()
    expect(told).toMatch(/and \d+ more$/)
    expect(told!.split('\n').length).toBeLessThan(15)
    expect(await store.contents()).toEqual({ '/kept': '1', '/zz': '2' })
    for (let n = 0; n < 1100; n++) await session.remove(`/link${n}`)
    await session.save()
    expect(await store.contents()).toEqual({ '/kept': '1' })
  })

  it('of a store that is read-only is never looked through', async () => {
    const store = await aStore({ '/a': '1' })
    const session = await aSessionOf(store, { access: 'read_only' })
    expect(await session.prepare()).toMatchObject([{ mode: 'ro' }])
    await session.write('/b', 'how ever it came here')
    await session.save()
    expect(await store.contents()).toEqual({ '/a': '1' })
  })

  it('keeps a memory that is moved while the list of a large store is read', async () => {
    const store = await aStore(Object.fromEntries(Array.from({ length: 150 }, (_, n) => [`/m${n}`, `${n}`])))
    const { memories } = store.records
    let at = '/z'
    await store.write(at, 'moved')
    /** Others move it between the parts of the list, so often. */
    let moves = 0
    const moving = new Proxy(memories, {
      get(target, name) {
        if (name !== 'heads') return Reflect.get(target, name)
        return async (...input: Parameters<typeof memories.heads>) => {
          const part = await memories.heads(...input)
          if (moves-- <= 0) return part
          const { id } = (await memories.heads(store.id)).find(({ path }) => path === at)!
          at = at === '/z' ? '/a' : '/z'
          await memories.update(store.id, id, { path: at }, { actor: null, now: new Date(0).toISOString() })
          return part
        }
      },
    })
    const session = await aSessionOf(store, { records: { ...store.records, memories: moving } })
    await session.prepare()
    expect(await session.contents()).toEqual(await store.contents())
    await store.write('/m1', 'other')
    moves = 1
    await session.prepare()
    expect(await session.contents()).toEqual(await store.contents())
    // Without an end: then nothing is taken for deleted.
    await store.write('/m1', 'another')
    moves = 1000
    await session.prepare()
    expect(Object.values(await session.contents())).toEqual(expect.arrayContaining(['moved', 'another']))
    moves = 0
    await session.prepare()
    expect(await session.contents()).toEqual(await store.contents())
  })

  it('costs one question to the store when nothing has changed', async () => {
    const store = await aStore({ '/a': '1', '/b': '2' })
    const asked: string[] = []
    const watch = <T extends object>(object: T) =>
      new Proxy(object, {
        get(target, name) {
          asked.push(String(name))
          return Reflect.get(target, name)
        },
      })
    const { records } = store
    const watched = { ...records, memories: watch(records.memories), memoryStores: watch(records.memoryStores) }
    const session = await aSessionOf(store, { records: watched })
    await session.prepare()
    // Until the files are old enough to be known by their times.
    await until(async () => {
      asked.length = 0
      await session.save()
      return asked.join() === 'changes'
    })
    const before = await readFile(path.join(session.folder, '..', 'manifest.json'))
    asked.length = 0
    await session.prepare()
    expect(asked).toEqual(['changes'])
    expect(await readFile(path.join(session.folder, '..', 'manifest.json'))).toEqual(before)
  })
})

describe('a synchronisation that is killed', () => {
  it.each([1, 2, 3, 4])('after write %i is repeated without a doubled version', async (writes) => {
    const store = await aStore({ '/a': 'old', '/gone': '' })
    const session = await aSessionOf(store)
    await session.prepare()
    await session.write('/a', 'new')
    await session.write('/b', 'made')
    await session.write('/c', 'made')
    await session.remove('/gone')
    const killed = hands(store, session.session, failingAfter(store.records, writes))
    expect(await killed.save()).toMatch(/cannot be reached now/)
    expect(killed.faults).toHaveLength(1)
    const next = hands(store, session.session, store.records)
    expect(await next.save()).toBeUndefined()
    expect(await store.contents()).toEqual({ '/a': 'new', '/b': 'made', '/c': 'made' })
    const changes = (await store.versions()).map(({ operation, path: at }) => `${operation} ${at}`)
    expect(changes.slice(2).toSorted()).toEqual(['created /b', 'created /c', 'deleted /gone', 'modified /a'])
  })

  it('does not undo what others wrote before it was repeated', async () => {
    const store = await aStore({ '/a': 'old' })
    const session = await aSessionOf(store)
    await session.prepare()
    await session.write('/a', 'mine')
    await hands(store, session.session, failingAfter(store.records, 1)).save()
    await store.write('/a', 'theirs')
    const next = hands(store, session.session, store.records)
    await next.prepare()
    expect([await store.contents(), await next.contents()]).toEqual([{ '/a': 'theirs' }, { '/a': 'theirs' }])
    expect((await store.versions()).map(({ content }) => content)).toEqual(['old', 'mine', 'theirs'])
  })

  it('while it brings changes here does not take them for the agent’s', async () => {
    const store = await aStore({ '/a': 'old', '/b': 'old' })
    const session = await aSessionOf(store)
    await session.prepare()
    await store.write('/a', 'new')
    await store.write('/b', 'new')
    // The manifest as it is in the middle of it: both are announced, one has come.
    const manifestFile = path.join(session.folder, '..', 'manifest.json')
    const before = JSON.parse(await readFile(manifestFile, 'utf8'))
    const heads = await store.records.memories.heads(store.id)
    const incoming = heads.map(({ id, path: at, ...head }) => [at, { memoryId: id, ...head }])
    await writeFile(`${manifestFile}.new`, JSON.stringify({ ...before, incoming }))
    await rename(`${manifestFile}.new`, manifestFile)
    await session.write('/a', 'new')
    await store.write('/a', 'newer')
    const next = hands(store, session.session, store.records)
    await next.prepare()
    expect(await next.contents()).toEqual({ '/a': 'newer', '/b': 'new' })
    expect((await store.versions()).filter(({ created_by }) => created_by !== null)).toEqual([])
  })
})

describe('symbolic links in a folder', () => {
  it('lead nowhere: nothing outside is read, written or removed', async () => {
    const outside = await temporaryFolder()
    await writeFile(path.join(outside, 'secret'), 'of the host')
    const store = await aStore({ '/d/in': '1', '/f': '2' })
    const session = await aSessionOf(store)
    await session.prepare()
    await rm(`${session.folder}/d`, { recursive: true })
    await symlink(outside, `${session.folder}/d`)
    await rm(`${session.folder}/f`)
    await symlink(path.join(outside, 'secret'), `${session.folder}/f`)
    await symlink(outside, `${session.folder}/e`)
    await store.write('/d/in', '1b')
    await store.write('/d/secret', 'overwritten')
    await store.write('/f', '2b')
    await store.write('/e/new', 'x')
    expect(await session.save()).toMatch(/symbolic link/)
    expect(await session.save()).toBeUndefined()
    const made = await store.contents()
    expect(made).toEqual({ '/d/in': '1b', '/d/secret': 'overwritten', '/e/new': 'x', '/f': '2b' })
    // Also what the store no longer has, and when all of it goes.
    await store.remove('/d/secret')
    await session.save()
    await store.records.memoryStores.delete(store.id)
    await session.save()
    expect((await readdir(session.folder)).toSorted()).toEqual(['d', 'e'])
    expect(await readdir(outside)).toEqual(['secret'])
    expect(await readFile(path.join(outside, 'secret'), 'utf8')).toBe('of the host')
  })

  it('give way to the memory again when they are removed', async () => {
    const store = await aStore({ '/f': 'kept' })
    const session = await aSessionOf(store)
    await session.prepare()
    await rm(`${session.folder}/f`)
    await symlink('/etc/passwd', `${session.folder}/f`)
    await session.save()
    await session.write('/g', 'x')
    await rm(`${session.folder}/f`)
    await session.write('/f', 'mine')
    await session.save()
    expect(await store.contents()).toEqual({ '/f': 'mine', '/g': 'x' })
  })
})
