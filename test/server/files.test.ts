import { Readable } from 'node:stream'
import { describe, expect, it } from 'vitest'
import { ApiError } from '../../protocol/errors.ts'
import { until } from '../support/until.ts'
import { ask, connect, serve } from './serving.ts'
import { filesApi, StoredFiles } from './stored-files.ts'

async function start(...names: string[]) {
  const stored = new StoredFiles()
  for (const filename of names) {
    await stored.upload({ file: { filename, mimeType: 'text/plain', content: Readable.from([Buffer.from('hello')]) } })
  }
  stored.streams.length = 0
  return { ...(await serve({ files: filesApi(stored) })), stored }
}

describe('the content of a file', () => {
  it('comes with its type and length, and is taken for no page', async () => {
    const { url } = await start('a.txt')
    const response = await fetch(`${url}/v1/files/file_1/content`)
    expect(await response.text()).toBe('hello')
    expect(Object.fromEntries(response.headers)).toMatchObject({
      'content-type': 'text/plain',
      'content-length': '5',
      'x-content-type-options': 'nosniff',
      'request-id': expect.stringMatching(/^req_/),
    })
  })

  it.each([
    ['a.txt', 'a.txt', 'a.txt'],
    ['a"b\\c.txt', 'a_b_c.txt', 'a%22b%5Cc.txt'],
    ['a\r\nset-cookie: b=c', 'a__set-cookie: b=c', 'a%0D%0Aset-cookie%3A%20b%3Dc'],
    ['Bücher.txt', 'B_cher.txt', 'B%C3%BCcher.txt'],
    ["it's (1)*.txt", "it's (1)*.txt", 'it%27s%20%281%29%2A.txt'],
    ['100%41.txt', '100_41.txt', '100%2541.txt'],
    ['half \ud83d.txt', 'half _.txt', 'half%20%EF%BF%BD.txt'],
  ])('has a header that is safe for any name: %j', async (name, plain, encoded) => {
    const { url } = await start(name)
    const response = await fetch(`${url}/v1/files/file_1/content`)
    expect(response.status).toBe(200)
    expect(response.headers.has('set-cookie')).toBe(false)
    expect(response.headers.get('content-disposition')).toBe(
      `attachment; filename="${plain}"; filename*=UTF-8''${encoded}`,
    )
    expect(await response.text()).toBe('hello')
  })

  it('is downloaded by the official SDK', async () => {
    const { client } = await start('a.txt')
    expect(await (await client.beta.files.download('file_1')).text()).toBe('hello')
  })

  it('has a head of its own, for which it is not read', async () => {
    const { url, stored } = await start('Bücher.txt')
    const response = await fetch(`${url}/v1/files/file_1/content`, { method: 'HEAD' })
    expect(response.status).toBe(200)
    expect(response.headers.get('content-length')).toBe('5')
    expect(response.headers.get('content-disposition')).toContain('B%C3%BCcher.txt')
    expect(response.headers.get('request-id')).toMatch(/^req_/)
    expect(await response.text()).toBe('')
    expect(stored.streams.map(({ destroyed, readableDidRead }) => ({ destroyed, readableDidRead }))).toEqual([
      { destroyed: true, readableDidRead: false },
    ])
  })

  it('is answered with an error when there is none', async () => {
    const { url } = await serve({
      files: { download: () => Promise.reject(new ApiError(404, 'not_found_error', 'gone', { code: 'file_expired' })) },
    })
    const { status, body } = await ask(`${url}/v1/files/file_1/content`)
    expect(status).toBe(404)
    expect(body.error.details).toEqual({ error_code: 'file_expired' })
    expect((await fetch(`${url}/v1/files/file_1/content`, { method: 'HEAD' })).status).toBe(404)
  })

  it('is seen to be incomplete when it cannot be read to its end', async () => {
    const stored = new StoredFiles()
    await stored.upload({ file: { filename: 'a', content: Readable.from([Buffer.from('hello')]) } })
    const content = new Readable({ read() {} })
    const { url } = await serve({
      files: {
        download: async () => ({ metadata: { ...stored.files.get('file_1')!.metadata, size_bytes: 100 }, content }),
      },
    })
    content.push('part of it')
    const response = await fetch(`${url}/v1/files/file_1/content`)
    content.destroy(new Error('SECRET'))
    await expect(response.text()).rejects.toThrow()
  })

  it('is closed when the client goes away', async () => {
    const { url, stored } = await start('a')
    const content = new Readable({ read: () => content.push(Buffer.alloc(100_000)) })
    const metadata = { ...stored.files.get('file_1')!.metadata, size_bytes: 1e9 }
    const endless = await serve({ files: { download: async () => ({ metadata, content }) } })
    const { socket } = await connect(endless.url, 'GET /v1/files/file_1/content HTTP/1.1\r\nhost: x\r\n\r\n')
    await new Promise((resolve) => socket.once('data', resolve))
    socket.destroy()
    await until(() => content.destroyed)
    expect((await ask(`${url}/health`)).status).toBe(200)
  })
})

describe('heads', () => {
  it('are answered wherever an object can be read', async () => {
    const { url } = await start('a')
    for (const path of ['/v1/files', '/v1/files/file_1', '/health']) {
      const response = await fetch(`${url}${path}`, { method: 'HEAD' })
      expect(response.status).toBe(200)
      expect(response.headers.get('content-length')).not.toBe('0')
      expect(await response.text()).toBe('')
    }
    expect((await fetch(`${url}/v1/files/file_9`, { method: 'HEAD' })).status).toBe(404)
  })
})

describe('the list of files for clients of the older beta', () => {
  const beta = { 'anthropic-beta': 'other, files-api-2025-04-14' }
  // Newest first: e d c b a.
  const names = ['a', 'b', 'c', 'd', 'e']

  async function list(query: string) {
    const { url } = await start(...names)
    const { body } = await ask(`${url}/v1/files${query}`, { headers: beta })
    return { ...body, data: body.data.map(({ filename }: { filename: string }) => filename).join('') }
  }

  it('has the older shape', async () => {
    expect(await list('')).toEqual({ data: 'edcba', has_more: false, first_id: 'file_5', last_id: 'file_1' })
  })

  it.each([
    ['?limit=2', 'ed', true],
    ['?limit=5', 'edcba', false],
    ['?limit=2&after_id=file_4', 'cb', true],
    ['?limit=2&after_id=file_3', 'ba', false],
    ['?after_id=file_1', '', false],
    ['?limit=2&before_id=file_1', 'cb', true],
    ['?limit=2&before_id=file_3', 'ed', false],
    ['?before_id=file_5', '', false],
  ])('is walked in both directions: %s', async (query, data, more) => {
    const page = await list(query)
    expect([page.data, page.has_more]).toEqual([data, more])
    if (data === '') expect([page.first_id, page.last_id]).toEqual([null, null])
  })

  it.each([
    'limit=0',
    'limit=-1',
    'limit=1001',
    'limit=x',
    'after_id=file_9',
    'before_id=file_9',
    'after_id=file_1&before_id=file_2',
  ])('is refused: %s', async (query) => {
    const { url } = await start(...names)
    expect((await ask(`${url}/v1/files?${query}`, { headers: beta })).status).toBe(400)
  })

  it('is the newer one without the beta', async () => {
    const { url } = await start(...names)
    const { body } = await ask(`${url}/v1/files?limit=2`, { headers: { 'anthropic-beta': 'other' } })
    expect(Object.keys(body)).toEqual(['data', 'next_page'])
    expect(body.data.length).toBe(2)
  })
})
