import Anthropic from '@anthropic-ai/sdk'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { contentSha256 } from '../../protocol/memories.ts'
import { startTestHost, type TestHost } from '../support/host.ts'

let host: TestHost
let stores: Anthropic['beta']['memoryStores']
beforeAll(async () => {
  host = await startTestHost()
  stores = host.client.beta.memoryStores
})
afterAll(() => host?.remove())

async function storeWith(contents: Record<string, string> = {}) {
  const store = await stores.create({ name: 'Notes' })
  const memories = []
  for (const [path, content] of Object.entries(contents)) {
    memories.push(await stores.memories.create(store.id, { path, content }))
  }
  return { id: store.id, memory_store_id: store.id, memories }
}

/** What the API answered, as the SDK's error shows it. */
async function refused(call: PromiseLike<unknown>) {
  const error = await Promise.resolve(call).then(
    () => undefined,
    (thrown: unknown) => thrown,
  )
  if (!(error instanceof Anthropic.APIError)) throw new Error(`was not refused: ${error}`)
  const body = error.error as { error: Record<string, unknown> }
  return { status: error.status, retry: error.headers?.get('x-should-retry'), ...body.error } as {
    status: number
    retry?: string
    type: string
    message: string
    [field: string]: unknown
  }
}

async function all<T>(list: AsyncIterable<T>): Promise<T[]> {
  const items: T[] = []
  for await (const item of list) items.push(item)
  return items
}

describe('a memory store', () => {
  it('is created, changed, listed, archived and deleted', async () => {
    const store = await stores.create({ name: 'User notes', metadata: { user: 'u1' } })
    expect(store).toEqual({
      id: expect.stringMatching(/^memstore_/),
      type: 'memory_store',
      name: 'User notes',
      description: '',
      metadata: { user: 'u1' },
      created_at: expect.any(String),
      updated_at: store.created_at,
      archived_at: null,
    })
    const changed = await stores.update(store.id, { description: 'of one user', metadata: { user: null, team: 't' } })
    expect(changed).toMatchObject({ name: 'User notes', description: 'of one user', metadata: { team: 't' } })
    expect((await stores.update(store.id, { description: '' })).description).toBe('')
    expect((await all(stores.list())).map(({ id }) => id)).toContain(store.id)

    const archived = await stores.archive(store.id)
    expect(archived.archived_at).toBe(archived.updated_at)
    expect(await stores.archive(store.id)).toEqual(archived)
    expect((await all(stores.list())).map(({ id }) => id)).not.toContain(store.id)
    expect((await all(stores.list({ include_archived: true }))).map(({ id }) => id)).toContain(store.id)
    expect(await refused(stores.update(store.id, { name: 'x' }))).toMatchObject({
      status: 400,
      details: { error_code: 'memory_store_archived' },
    })

    expect(await stores.delete(store.id)).toEqual({ id: store.id, type: 'memory_store_deleted' })
    for (const call of [() => stores.retrieve(store.id), () => stores.memories.list(store.id)]) {
      expect((await refused(call())).status).toBe(404)
    }
    expect((await refused(stores.delete(store.id))).status).toBe(404)
  })

  it.each([
    [{ name: '' }, 'name'],
    [{ name: 'x'.repeat(256) }, 'name'],
    [{ name: 'a\nb' }, 'name'],
    [{ name: 'a', description: 'x'.repeat(1025) }, 'description'],
    [{ name: 'a', metadata: Object.fromEntries(Array.from({ length: 17 }, (_, n) => [`k${n}`, ''])) }, 'metadata'],
  ])('is refused with a wrong field', async (params, field) => {
    const error = await refused(stores.create(params))
    expect(error).toMatchObject({ status: 400, type: 'invalid_request_error' })
    expect(error.message).toMatch(new RegExp(`^${field}`))
  })
})

describe('a memory', () => {
  it('is created, read in both views, changed, renamed and deleted', async () => {
    const { memory_store_id, id } = await storeWith()
    const created = await stores.memories.create(id, { path: '/a/b.md', content: 'größe', view: 'full' })
    expect(created).toEqual({
      id: expect.stringMatching(/^mem_/),
      type: 'memory',
      memory_store_id,
      path: '/a/b.md',
      content: 'größe',
      content_sha256: contentSha256('größe'),
      content_size_bytes: 7,
      memory_version_id: expect.stringMatching(/^memver_/),
      created_at: expect.any(String),
      updated_at: created.created_at,
    })
    expect(await stores.memories.retrieve(created.id, { memory_store_id })).toEqual(created)
    const basic = await stores.memories.retrieve(created.id, { memory_store_id, view: 'basic' })
    expect(basic).toEqual({ ...created, content: null })

    const changed = await stores.memories.update(created.id, { memory_store_id, content: '' })
    expect(changed).toMatchObject({ id: created.id, content: null, content_size_bytes: 0 })
    const renamed = await stores.memories.update(created.id, { memory_store_id, path: '/c.md' })
    expect(renamed).toMatchObject({ id: created.id, path: '/c.md', content_size_bytes: 0 })
    expect((await stores.retrieve(id)).updated_at).toBe((await stores.retrieve(id)).created_at)

    expect(await stores.memories.delete(created.id, { memory_store_id })).toEqual({
      id: created.id,
      type: 'memory_deleted',
    })
    expect((await refused(stores.memories.retrieve(created.id, { memory_store_id }))).status).toBe(404)
    const versions = await all(stores.memoryVersions.list(id, { memory_id: created.id }))
    expect(versions.map(({ operation, path }) => [operation, path])).toEqual([
      ['deleted', '/c.md'],
      ['modified', '/c.md'],
      ['modified', '/a/b.md'],
      ['created', '/a/b.md'],
    ])
    expect(versions[0]).toMatchObject({ content: null, content_sha256: null, content_size_bytes: null })
  })

  it('gets no version from an update that changes nothing', async () => {
    const { memory_store_id, id, memories } = await storeWith({ '/a': 'x' })
    const [memory] = memories as [(typeof memories)[number]]
    const same = await stores.memories.update(memory.id, { memory_store_id, content: 'x', path: '/a' })
    expect(same).toEqual(memory)
    expect(await all(stores.memoryVersions.list(id))).toHaveLength(1)
  })

  it('is not overwritten by a create, and is in nobody’s way', async () => {
    const { id, memory_store_id, memories } = await storeWith({ '/notes/todo.md': 'x', '/other': '' })
    const [todo, other] = memories as [(typeof memories)[number], (typeof memories)[number]]
    const conflict = {
      status: 409,
      retry: 'false',
      type: 'memory_path_conflict_error',
      conflicting_path: '/notes/todo.md',
      conflicting_memory_id: todo.id,
    }
    for (const path of ['/notes/todo.md', '/notes', '/notes/todo.md/deep']) {
      expect(await refused(stores.memories.create(id, { path, content: 'y' }))).toMatchObject(conflict)
      expect(await refused(stores.memories.update(other.id, { memory_store_id, path }))).toMatchObject(conflict)
    }
  })

  it('is changed only as it was read when the caller says so', async () => {
    const { memory_store_id, memories } = await storeWith({ '/a': 'one' })
    const { id } = memories[0]!
    const update = (content: string, seen: string) =>
      stores.memories.update(id, {
        memory_store_id,
        content,
        precondition: { type: 'content_sha256', content_sha256: contentSha256(seen) },
      })
    const failed = { status: 409, retry: 'false', type: 'memory_precondition_failed_error' }
    expect(await refused(update('two', 'other'))).toMatchObject(failed)
    expect((await update('two', 'one')).content_sha256).toBe(contentSha256('two'))
    // The same once more: it is already so, whatever the hash.
    expect((await update('two', 'one')).content_sha256).toBe(contentSha256('two'))
    const expected = (content: string) => ({ memory_store_id, expected_content_sha256: contentSha256(content) })
    expect(await refused(stores.memories.delete(id, expected('one')))).toMatchObject(failed)
    expect(await stores.memories.delete(id, expected('two'))).toMatchObject({ type: 'memory_deleted' })
  })

  it.each([
    ['a', /^path: must start/],
    ['/', /^path: .*segments/],
    ['/a//b', /^path: .*segments/],
    ['/a/../b', /^path: .*segments/],
    ['/a/', /^path: .*segments/],
    [`/${Array.from({ length: 21 }, () => 'a').join('/')}`, /^path: .*20 segments/],
    ['/a\u0007', /^path: .*control/],
    ['/a\u200b', /^path: .*control/],
    ['/a\u2028', /^path: .*control/],
    ['/e\u0301', /^path: .*form C/],
    [`/${'ü'.repeat(512)}`, /^path: .*1024 bytes/],
  ])('cannot lie at %j', async (path, message) => {
    const { id } = await storeWith()
    const error = await refused(stores.memories.create(id, { path, content: '' }))
    expect(error.status).toBe(400)
    expect(error.message).toMatch(message)
  })

  it('has at most 100 kB of valid text', async () => {
    const { id } = await storeWith()
    const create = (path: string, content: string) => stores.memories.create(id, { path, content })
    expect((await create('/full', 'x'.repeat(102_400))).content_size_bytes).toBe(102_400)
    expect((await refused(create('/over', `${'x'.repeat(102_399)}ü`))).message).toMatch(/^content: .*102400 bytes/)
    expect((await refused(create('/half', '\ud83e'))).message).toMatch(/^content: .*Unicode/)
  })

  it('is one of at most 2,000 in a store', { timeout: 60_000 }, async () => {
    const { id } = await storeWith()
    const { memories } = host.holdfast.runtime.records
    const author = { actor: null, now: new Date().toISOString() }
    for (let n = 0; n < 2000; n++) await memories.create(id, { path: `/${n}`, content: '' }, author)
    expect(await refused(stores.memories.create(id, { path: '/more', content: '' }))).toMatchObject({
      status: 400,
      details: { error_code: 'memory_store_full' },
    })
    expect(await all(stores.memories.list(id, { limit: 100 }))).toHaveLength(2000)
  })

  it('of an archived store can be read and deleted, not written', async () => {
    const { id, memory_store_id, memories } = await storeWith({ '/a': 'x', '/b': 'y' })
    await stores.archive(id)
    const archived = { status: 400, details: { error_code: 'memory_store_archived' } }
    expect(await refused(stores.memories.create(id, { path: '/c', content: '' }))).toMatchObject(archived)
    const change = { memory_store_id, content: 'z' }
    expect(await refused(stores.memories.update(memories[0]!.id, change))).toMatchObject(archived)
    expect((await stores.memories.retrieve(memories[0]!.id, { memory_store_id })).content).toBe('x')
    await stores.memories.delete(memories[0]!.id, { memory_store_id })
    expect(await all(stores.memories.list(id))).toHaveLength(1)
  })
})

describe('a list of memories', () => {
  const contents = { '/a.md': '1', '/n/b.md': '2', '/n/deep/c.md': '3', '/n/deep/d.md': '4', '/n-x/e.md': '5' }
  const shown = (items: { type: string; path: string }[]) => items.map(({ type, path }) => [type, path])

  it('has every memory, or those below a prefix, page by page', async () => {
    const { id } = await storeWith(contents)
    const everything = await all(stores.memories.list(id, { limit: 2 }))
    expect(everything.map(({ path }) => path)).toEqual([
      ...['/a.md', '/n-x/e.md', '/n/b.md', '/n/deep/c.md', '/n/deep/d.md'],
    ])
    const below = await all(stores.memories.list(id, { path_prefix: '/n/', limit: 1 }))
    expect(below.map(({ path }) => path)).toEqual(['/n/b.md', '/n/deep/c.md', '/n/deep/d.md'])
    expect(everything.every((item) => item.type === 'memory' && item.content === null)).toBe(true)
    const full = await stores.memories.list(id, { view: 'full', limit: 100 })
    expect(full.data.map((item) => item.type === 'memory' && item.content)).toEqual(['1', '5', '2', '3', '4'])
  })

  it('of depth 1 rolls up what lies deeper, each prefix counting once', async () => {
    const { id } = await storeWith(contents)
    for (const limit of [1, 2, 100]) {
      expect(shown(await all(stores.memories.list(id, { depth: 1, limit })))).toEqual([
        ['memory', '/a.md'],
        ['memory_prefix', '/n-x/'],
        ['memory_prefix', '/n/'],
      ])
      expect(shown(await all(stores.memories.list(id, { depth: 1, limit, path_prefix: '/n/' })))).toEqual([
        ['memory', '/n/b.md'],
        ['memory_prefix', '/n/deep/'],
      ])
    }
  })

  it('refuses other depths, prefixes and cursors', async () => {
    const { id } = await storeWith()
    const refusedList = async (params: object) => (await refused(stores.memories.list(id, params))).message
    expect(await refusedList({ depth: 2 })).toMatch(/^depth/)
    expect(await refusedList({ path_prefix: '/a' })).toMatch(/^path_prefix/)
    expect(await refusedList({ limit: 101 })).toMatch(/^limit/)
    expect(await refusedList({ view: 'some' })).toMatch(/^view/)
    expect(await refusedList({ page: 'page_x' })).toMatch(/^page/)
  })

  it('has at most 20 items with their content', async () => {
    const { id } = await storeWith(Object.fromEntries(Array.from({ length: 21 }, (_, n) => [`/${n}`, `${n}`])))
    const page = await stores.memories.list(id, { view: 'full', limit: 100 })
    expect(page.data).toHaveLength(20)
    expect(await all(page)).toHaveLength(21)
    expect((await stores.memoryVersions.list(id, { view: 'full', limit: 100 })).data).toHaveLength(20)
  })
})

describe('memory versions', () => {
  it('tell every change, newest first, with and without content', async () => {
    const { id, memory_store_id, memories } = await storeWith({ '/a': 'one', '/b': '' })
    const memory = memories[0]!
    await stores.memories.update(memory.id, { memory_store_id, content: 'two' })
    const versions = await all(stores.memoryVersions.list(id, { limit: 1 }))
    expect(versions.map(({ memory_id, operation }) => [memory_id, operation])).toEqual([
      [memory.id, 'modified'],
      [memories[1]!.id, 'created'],
      [memory.id, 'created'],
    ])
    const old = versions[2]!
    expect(old).toMatchObject({ content: null, content_sha256: contentSha256('one'), path: '/a', redacted_at: null })
    expect((await stores.memoryVersions.retrieve(old.id, { memory_store_id })).content).toBe('one')
    expect((await stores.memoryVersions.retrieve(old.id, { memory_store_id, view: 'basic' })).content).toBeNull()
    const full = await stores.memoryVersions.list(id, { view: 'full', memory_id: memory.id })
    expect(full.data.map(({ content }) => content)).toEqual(['two', 'one'])
    expect((await stores.memoryVersions.list(id, { operation: 'modified' })).data).toHaveLength(1)
    expect((await stores.memoryVersions.list(id, { session_id: 'sesn_none' })).data).toEqual([])
    const late = { 'created_at[gte]': '2999-01-01T00:00:00Z' }
    expect((await stores.memoryVersions.list(id, late)).data).toEqual([])
  })

  it('are redacted for good, unless their memory has them now', async () => {
    const { id, memory_store_id, memories } = await storeWith({ '/a': 'secret' })
    const memory = memories[0]!
    const redact = () => stores.memoryVersions.redact(memory.memory_version_id, { memory_store_id })
    expect(await refused(redact())).toMatchObject({ status: 409, type: 'conflict_error', retry: 'false' })
    await stores.archive(id)
    await stores.memories.delete(memory.id, { memory_store_id })
    const redacted = await redact()
    expect(redacted).toMatchObject({ path: null, content: null, content_sha256: null, content_size_bytes: null })
    expect(redacted.redacted_at).toEqual(expect.any(String))
    expect(await redact()).toEqual(redacted)
  })
})

describe('the library', () => {
  it('has the same as holdfast.memoryStores', async () => {
    const { memoryStores } = host.holdfast
    const store = await memoryStores.create({ name: 'From a pipeline' })
    const memory = await memoryStores.memories.create(store.id, { path: '/a', content: 'x' })
    const actor = { type: 'service_account_actor' as const, service_account_id: 'svac_1' }
    await memoryStores.memories.update(memory.id, { memory_store_id: store.id, content: 'y' }, { actor })
    const { data } = await stores.memoryVersions.list(store.id, { service_account_id: 'svac_1' })
    expect(data).toMatchObject([{ operation: 'modified', created_by: actor }])
    expect(await stores.retrieve(store.id)).toEqual(store)
  })
})
