import { Readable } from 'node:stream'
import { buffer, text } from 'node:stream/consumers'
import { describe, expect, it, vi } from 'vitest'
import { createFilesApi } from '../../client/files.ts'
import { newId } from '../../protocol/ids.ts'
import { limits } from '../../protocol/limits.ts'
import { aConfiguration, aFile, aSession, second } from '../store/samples.ts'
import { refusal } from '../support/refusal.ts'
import { unheard } from '../support/unheard.ts'
import { emptyStores } from './stores.ts'

async function setUp() {
  const { records, blobs } = await emptyStores()
  const keys = () => Readable.from(blobs.list('')).toArray()
  return { files: createFilesApi(records, blobs), records, blobs, keys }
}
const content = Buffer.from('a,b\n1,2\n')

describe('an uploaded file', () => {
  it.each<[string, () => Readable | Uint8Array | Blob]>([
    ['a stream', () => Readable.from([content.subarray(0, 3), content.subarray(3)])],
    ['bytes', () => content],
    ['a blob', () => new Blob([content])],
  ])('comes back from %s, with what is known of it', async (_from, from) => {
    const { files } = await setUp()
    const file = await files.upload({ file: { filename: 'data.csv', content: from() } })
    expect(file).toEqual({
      id: expect.stringMatching(/^file_[0-9A-Za-z]{22}$/),
      type: 'file',
      filename: 'data.csv',
      mime_type: 'text/csv',
      size_bytes: content.length,
      created_at: expect.stringMatching(/Z$/),
      downloadable: true,
      expires_at: null,
      scope: null,
    })
    expect(await files.retrieveMetadata(file.id)).toEqual(file)
    const download = await files.download(file.id)
    expect(download.metadata).toEqual(file)
    expect(await text(download.content)).toBe(content.toString())
  })

  it('may be empty', async () => {
    const { files } = await setUp()
    const file = await files.upload({ file: { filename: 'x.txt', content: Buffer.alloc(0) } })
    expect(file.size_bytes).toBe(0)
    expect((await buffer((await files.download(file.id)).content)).length).toBe(0)
  })

  it.each([
    ['/home/me/data.csv', 'data.csv'],
    ['C:\\me\\data.csv', 'data.csv'],
    ['../../etc/passwd', 'passwd'],
    ['.profile', '.profile'],
    ['büro 1.txt', 'büro 1.txt'],
    ['folder/', 'unnamed'],
    ['..', 'unnamed'],
    [undefined, 'unnamed'],
  ])('named %j is kept as %j', async (filename, stored) => {
    const { files } = await setUp()
    const file = await files.upload({ file: { filename, mimeType: 'application/x-unheard-of', content } })
    expect(file.filename).toBe(stored)
  })

  it('without a name gets the ending of its type', async () => {
    const { files } = await setUp()
    expect((await files.upload({ file: { mimeType: 'application/pdf', content } })).filename).toBe('unnamed.pdf')
  })

  it('has the type that was given, else that of its name, else none in particular', async () => {
    const { files } = await setUp()
    const typeOf = async (filename: string, mimeType?: string) =>
      (await files.upload({ file: { filename, mimeType, content } })).mime_type
    expect(await typeOf('a.csv', 'text/plain; charset=utf-8')).toBe('text/plain; charset=utf-8')
    expect(await typeOf('A.PNG')).toBe('image/png')
    expect(await typeOf('a.unknown')).toBe('application/octet-stream')
  })

  it.each<[string, object, string]>([
    ['a forbidden character in its name', { file: { filename: 'a|b', content } }, 'file name'],
    ['a control character in its name', { file: { filename: 'a\nb', content } }, 'file name'],
    ['a name that is too long', { file: { filename: 'x'.repeat(256), content } }, 'file name'],
    ['a type that would break a header', { file: { mimeType: 'text/csv\r\nx: y', content } }, 'file.mimeType'],
    ['no content', { file: { filename: 'a' } }, 'file.content'],
    ['text instead of bytes', { file: { content: 'text' } }, 'file.content'],
    ['no file', {}, 'file.content'],
    ['a life that is too short', { file: { content }, expires_in_seconds: 3599 }, 'expires_in_seconds'],
    ['a life that is too long', { file: { content }, expires_in_seconds: 7_776_001 }, 'expires_in_seconds'],
  ])('is refused with %s, and nothing is stored', async (_what, params, named) => {
    const { files, keys } = await setUp()
    const error = await refusal(() => files.upload(params as never))
    expect(error.status).toBe(400)
    expect(error.message).toContain(named)
    expect(await keys()).toEqual([])
    expect((await files.list()).data).toEqual([])
  })

  it('that is too large is refused with 413, and nothing is stored', async () => {
    const { records, blobs, keys } = await setUp()
    const asked: (number | undefined)[] = []
    const files = createFilesApi(records, {
      ...blobs,
      // The real limit would take half a gigabyte to reach.
      putStream: (key, data, options) => {
        asked.push(options?.maxBytes)
        return blobs.putStream(key, data, { maxBytes: 4 })
      },
    })
    expect(await refusal(() => files.upload({ file: { content } }))).toMatchObject({
      status: 413,
      type: 'request_too_large',
    })
    expect(asked).toEqual([limits.fileBytes])
    expect(await keys()).toEqual([])
    expect((await files.list()).data).toEqual([])
  })

  it('leaves nothing when the client goes away half way', async () => {
    const { files, keys } = await setUp()
    const stream = Readable.from(
      (async function* () {
        yield content
        throw new Error('connection reset')
      })(),
    )
    await expect(files.upload({ file: { content: stream } })).rejects.toThrow('connection reset')
    expect(await keys()).toEqual([])
    expect((await files.list()).data).toEqual([])
  })

  it('leaves no content behind when its row cannot be stored', async () => {
    const { records, blobs, keys } = await setUp()
    const broken = { ...records, files: { ...records.files, insert: () => Promise.reject(new Error('disk')) } }
    await expect(createFilesApi(broken, blobs).upload({ file: { content } })).rejects.toThrow('disk')
    expect(await keys()).toEqual([])
  })

  it('keeps its content when nobody knows whether its row was stored', async () => {
    const { records, blobs, files } = await setUp()
    const broken = { ...records, files: { ...records.files, insert: unheard(records.files.insert) } }
    await expect(createFilesApi(broken, blobs).upload({ file: { content } })).rejects.toMatchObject({ mayBeDone: true })
    const [file] = (await files.list()).data
    expect(await text((await files.download(file!.id)).content)).toBe(content.toString())
  })

  it('cannot be downloaded once it has expired, while its metadata still can be read', async () => {
    const { files } = await setUp()
    const file = await files.upload({ file: { content }, expires_in_seconds: 3600 })
    expect(Date.parse(file.expires_at!) - Date.parse(file.created_at)).toBe(3_600_000)
    const { content: stillThere } = await files.download(file.id)
    stillThere.destroy()
    vi.useFakeTimers({ now: Date.parse(file.expires_at!), toFake: ['Date'] })
    try {
      expect(await refusal(() => files.download(file.id))).toMatchObject({ status: 404, code: 'file_expired' })
      expect(await files.retrieveMetadata(file.id)).toEqual(file)
    } finally {
      vi.useRealTimers()
    }
  })
})

describe('deleting a file', () => {
  it('takes its content with it', async () => {
    const { files, keys } = await setUp()
    const { id } = await files.upload({ file: { content } })
    expect(await files.delete(id)).toEqual({ id, type: 'file_deleted' })
    expect(await keys()).toEqual([])
    for (const call of [() => files.retrieveMetadata(id), () => files.download(id), () => files.delete(id)]) {
      expect(await refusal(call)).toMatchObject({ status: 404 })
    }
  })

  it('leaves the content to the copies that sessions have of it', async () => {
    const { files, records, keys } = await setUp()
    const upload = await files.upload({ file: { content } })
    const { blob } = (await records.files.get(upload.id))!
    const copy = aFile({ scope: { type: 'session', id: newId('session') } }, blob)
    await records.files.insert(copy)
    await files.delete(upload.id)
    expect(await text((await files.download(copy.metadata.id)).content)).toBe(content.toString())
    await files.delete(copy.metadata.id)
    expect(await keys()).toEqual([])
  })

  it('is refused for what a session has mounted', async () => {
    const { files, records } = await setUp()
    const session = aSession()
    const copy = aFile({ scope: { type: 'session', id: session.id } })
    const resource = { id: 'sesrsc_1', type: 'file' as const, file_id: copy.metadata.id, mount_path: '/mnt/x' }
    await records.sessions.insert(
      { ...session, resources: [{ ...resource, created_at: second(0), updated_at: second(0) }] },
      aConfiguration,
    )
    await records.files.insert(copy)
    const error = await refusal(() => files.delete(copy.metadata.id))
    expect(error.status).toBe(400)
    expect(error.message).toContain(session.id)
    expect(await files.retrieveMetadata(copy.metadata.id)).toEqual(copy.metadata)
  })
})

describe('the list of files', () => {
  it('has the uploads newest first, page by page', async () => {
    const { files, records } = await setUp()
    const rows = [1, 2, 3].map((n) => aFile({ created_at: second(n) }))
    for (const row of rows) await records.files.insert(row)
    await records.files.insert(aFile({ scope: { type: 'session', id: newId('session') } }))
    const newest = rows.map(({ metadata }) => metadata).toReversed()
    const first = await files.list({ limit: 2 })
    expect(first.data).toEqual(newest.slice(0, 2))
    const rest = await files.list({ limit: 2, page: first.next_page })
    expect(rest).toEqual({ data: newest.slice(2), next_page: null })
  })

  it('has the files of one session when asked', async () => {
    const { files, records } = await setUp()
    const id = newId('session')
    const output = aFile({ scope: { type: 'session', id } })
    await records.files.insert(output)
    await files.upload({ file: { content } })
    expect((await files.list({ scope_id: id })).data).toEqual([output.metadata])
    expect((await files.list({ scope_id: newId('session') })).data).toEqual([])
  })

  it('has the files of given ids, each once, the unknown left out', async () => {
    const { files, records } = await setUp()
    const [old, young] = [aFile({ created_at: second(1) }), aFile({ created_at: second(2) })]
    for (const row of [old, young]) await records.files.insert(row)
    const ids = [old.metadata.id, 'file_none', young.metadata.id, old.metadata.id]
    expect(await files.list({ ids })).toEqual({ data: [young.metadata, old.metadata], next_page: null })
    expect((await files.list({ ids: Array(200).fill(old.metadata.id) })).data).toEqual([old.metadata])
    expect((await files.list({ ids: [] })).data).toEqual([])
  })

  it.each<[string, object, string]>([
    ['a scope that is no session', { scope_id: 'agent_1' }, 'scope_id'],
    ['ids and a limit', { ids: ['file_1'], limit: 5 }, 'ids'],
    ['101 ids', { ids: [...Array(101).keys()].map((n) => `file_${n}`) }, 'ids'],
    ['a limit of 0', { limit: 0 }, 'limit'],
    ['a limit of 1001', { limit: 1001 }, 'limit'],
    ['an unknown filter', { before_id: 'file_1' }, 'before_id'],
    ['a cursor that is none', { page: 'x' }, 'page'],
  ])('is refused with %s', async (_what, query, named) => {
    const { files } = await setUp()
    const error = await refusal(() => files.list(query as never))
    expect(error.status).toBe(400)
    expect(error.message).toContain(named)
  })
})
