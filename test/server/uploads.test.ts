import { randomBytes } from 'node:crypto'
import { finished, Readable } from 'node:stream'
import { setTimeout as sleep } from 'node:timers/promises'
import Anthropic from '@anthropic-ai/sdk'
import { describe, expect, it } from 'vitest'
import { createFilesApi } from '../../client/files.ts'
import { tooLarge } from '../../protocol/errors.ts'
import type { ServerLimits } from '../../server/limits.ts'
import { openBlobs } from '../../store/open-blobs.ts'
import { emptyStores } from '../client/stores.ts'
import { temporaryFolder } from '../support/temporary-folder.ts'
import { until } from '../support/until.ts'
import { ask, connect, lastAnswer, serve } from './serving.ts'
import { filesApi, StoredFiles } from './stored-files.ts'

async function start(limits: Partial<ServerLimits> = {}) {
  const stored = new StoredFiles()
  const server = await serve({ files: filesApi(stored) }, { limits })
  return { ...server, stored, files: `${server.url}/v1/files` }
}

type Part = [name: string, value: string | File]

function form(...parts: Part[]): FormData {
  const data = new FormData()
  for (const [name, value] of parts) data.append(name, value)
  return data
}

const upload = (url: string, ...parts: Part[]) => ask(url, { method: 'POST', body: form(...parts) })
const hello: Part = ['file', new File(['hello'], 'hello.txt', { type: 'text/plain' })]

/** The head of an upload in pieces; the form's own bytes follow. */
const head = (length: number | 'chunked') =>
  `POST /v1/files HTTP/1.1\r\nhost: x\r\ncontent-type: multipart/form-data; boundary=edge\r\n${
    length === 'chunked' ? 'transfer-encoding: chunked' : `content-length: ${length}`
  }\r\n\r\n`
const opening = '--edge\r\ncontent-disposition: form-data; name="file"; filename="a.bin"\r\n\r\n'
const ending = '\r\n--edge--\r\n'

describe('an upload', () => {
  it('is stored with its name and type', async () => {
    const { files, stored } = await start()
    const name = 'Bücher "und" mehr 😀.txt'
    const { status, body } = await upload(files, ['file', new File(['héllo'], name, { type: 'text/markdown' })])
    expect(status).toBe(200)
    expect(body).toMatchObject({
      filename: expect.stringContaining('Bücher'),
      mime_type: 'text/markdown',
      size_bytes: 6,
    })
    expect(stored.files.get(body.id)?.content.toString()).toBe('héllo')
  })

  it('leaves the type to the library when the client does not know it', async () => {
    const types: unknown[] = []
    const stored = new StoredFiles()
    const { url } = await serve({
      files: filesApi(stored, {
        upload: (params) => {
          types.push(params.file.mimeType)
          return stored.upload(params)
        },
      }),
    })
    expect((await upload(`${url}/v1/files`, ['file', new File(['a,b'], 'a.csv')])).status).toBe(200)
    expect(types).toEqual([undefined])
  })

  it('may be empty', async () => {
    const { files } = await start()
    expect((await upload(files, ['file', new File([], 'empty')])).body).toMatchObject({ size_bytes: 0 })
  })

  it.each([
    ['no type', '', 'text/plain', 'unnamed.txt'],
    ['a type', 'content-type: application/pdf\r\n', 'application/pdf', 'unnamed.pdf'],
    ['no known type', 'content-type: application/octet-stream\r\n', 'application/octet-stream', 'unnamed'],
  ])('may have no file name, with %s', async (_what, type, mime_type, filename) => {
    const { records, blobs } = await emptyStores()
    const { url } = await serve({ files: createFilesApi(records, blobs) })
    const body = `--edge\r\ncontent-disposition: form-data; name="file"\r\n${type}\r\nhello${ending}`
    const headers = { 'content-type': 'multipart/form-data; boundary=edge' }
    const answer = await ask(`${url}/v1/files`, { method: 'POST', body: Buffer.from(body), headers })
    expect(answer.body).toMatchObject({ filename, mime_type, size_bytes: 5 })
  })

  it.each(['..', 'a/', ''])('has a type although its file name is %j', async (filename) => {
    const { records, blobs } = await emptyStores()
    const { url } = await serve({ files: createFilesApi(records, blobs) })
    const { body } = await upload(`${url}/v1/files`, ['file', new File(['hello'], filename)])
    expect(body).toMatchObject({ filename: 'unnamed', mime_type: 'application/octet-stream', size_bytes: 5 })
  })

  it('is taken from the official SDK, with an expiry before or behind the file', async () => {
    const { client, stored } = await start()
    const file = () => new File(['hello'], 'hello.txt', { type: 'text/plain' })
    const plain = await client.beta.files.upload({ file: file() })
    expect(plain).toMatchObject({ filename: 'hello.txt', mime_type: 'text/plain', size_bytes: 5, expires_at: null })
    const behind = await client.beta.files.upload({ file: file(), expires_in_seconds: 3600 })
    const before = await client.beta.files.upload({ expires_in_seconds: 3600, file: file() })
    for (const { id, expires_at } of [behind, before]) {
      expect(expires_at).toBe('1970-01-01T01:00:00.000Z')
      expect(stored.files.get(id)?.content.toString()).toBe('hello')
    }
    // The one that was stored before its expiry came is gone.
    expect([...stored.files.keys()].sort()).toEqual([plain.id, behind.id, before.id].sort())
    expect(stored.streams.every((stream) => stream.destroyed)).toBe(true)
  })

  it.each(['3599', '7776001', 'soon', '', '3600.5', '-3600', '0x1000'])(
    'is refused with an expiry that is none, before or behind the file: %j',
    async (value) => {
      const { files, stored } = await start()
      const expiry: Part = ['expires_in_seconds', value]
      for (const parts of [
        [expiry, hello],
        [hello, expiry],
      ]) {
        const { status, body } = await upload(files, ...parts)
        expect(status).toBe(400)
        expect(body.error.message).toMatch(/^expires_in_seconds: /)
      }
      expect(stored.files.size).toBe(0)
    },
  )

  it.each<[string, Part[], RegExp]>([
    ['no parts', [], /file/],
    ['no file', [['expires_in_seconds', '3600']], /^file: the part is missing/],
    ['another name', [['document', new File(['x'], 'x')]], /^document: /],
    ['another field', [['document', 'hello'], hello], /^document: not a field/],
    ['two files', [hello, hello], /^file: /],
    ['too many fields', [...Array<Part>(6).fill(['expires_in_seconds', '3600']), hello], /./],
    ['a name from the prototype', [['__proto__', new File(['x'], 'x')]], /./],
  ])('is refused with %s, and nothing is stored', async (_what, parts, message) => {
    const { files, stored } = await start()
    const { status, body } = await upload(files, ...parts)
    expect(status).toBe(400)
    expect(body.error.type).toBe('invalid_request_error')
    expect(body.error.message).toMatch(message)
    expect(stored.files.size).toBe(0)
  })

  it.each([
    ['JSON', 'application/json', '{}'],
    ['no boundary', 'multipart/form-data', 'x'],
    ['an empty body', 'multipart/form-data; boundary=edge', ''],
    ['another boundary', 'multipart/form-data; boundary=other', `${opening}x${ending}`],
    ['no end', 'multipart/form-data; boundary=edge', `${opening}x`],
    ['no end of the headers', 'multipart/form-data; boundary=edge', '--edge\r\ncontent-disposition: form-data; na'],
    ['another kind of multipart', 'multipart/mixed; boundary=edge', `${opening}x${ending}`],
  ])('is refused when it is no form: %s', async (_what, type, body) => {
    const { files, stored } = await start()
    const answer = await ask(files, { method: 'POST', body: Buffer.from(body), headers: { 'content-type': type } })
    expect(answer.status).toBe(400)
    expect(answer.body.error.type).toBe('invalid_request_error')
    expect(stored.files.size).toBe(0)
  })

  it('is refused with 413 when the file is too long, by its declared length or by what comes', async () => {
    const { files, url, stored } = await start({ fileBytes: 1000 })
    expect((await upload(files, ['file', new File(['x'.repeat(1000)], 'x')])).status).toBe(200)
    stored.files.clear()
    for (const size of [1001, 1_000_000]) {
      const { status, body } = await upload(files, ['file', new File(['x'.repeat(size)], 'x')])
      expect(status).toBe(413)
      expect(body.error.type).toBe('request_too_large')
    }
    const connection = await connect(url, head('chunked'))
    const text = `${opening}${'x'.repeat(2000)}${ending}`
    connection.socket.write(`${text.length.toString(16)}\r\n${text}\r\n0\r\n\r\n`)
    await until(() => connection.text().endsWith('}'))
    expect(lastAnswer(connection.text()).status).toBe(413)
    expect(stored.files.size).toBe(0)
  })

  it('is answered when the library refuses it half-way, and the rest of it is not waited for', async () => {
    const { url } = await serve({
      files: {
        async upload({ file }) {
          for await (const _ of file.content as Readable) throw tooLarge('file: longer than the library takes')
          throw new Error('nothing came')
        },
      },
    })
    const { status, body } = await upload(`${url}/v1/files`, ['file', new File(['x'.repeat(20_000_000)], 'x')])
    expect(status).toBe(413)
    expect(body.error.message).toContain('longer than the library takes')
    const client = new Anthropic({ baseURL: url, apiKey: 'any', maxRetries: 0 })
    const raised = await client.beta.files
      .upload({ file: new File(['x'.repeat(5_000_000)], 'x') })
      .catch((error) => error)
    expect(raised.status).toBe(413)
  })

  it('waits for the library: what is not taken stays with the client', async () => {
    const size = 60_000_000
    let taken = 0
    let sent = 0
    let furthestAhead = 0
    const { url } = await serve({
      files: {
        async upload({ file }) {
          for await (const chunk of file.content as Readable) {
            taken += chunk.length
            furthestAhead = Math.max(furthestAhead, sent - taken)
            // The pace of a slow disk.
            if (taken < size / 2) await sleep(1)
          }
          return { id: 'file_1' } as never
        },
      },
    })
    const connection = await connect(url, head(opening.length + size + ending.length) + opening)
    const chunk = Buffer.alloc(1_000_000)
    for (; sent < size; sent += chunk.length) {
      if (connection.socket.write(chunk)) continue
      await new Promise((resolve) => connection.socket.once('drain', resolve))
    }
    connection.socket.write(ending)
    await until(() => connection.text().endsWith('}'))
    expect(lastAnswer(connection.text()).body).toEqual({ id: 'file_1' })
    expect(taken).toBe(size)
    // The system's own buffers hold some of it.
    expect(furthestAhead).toBeLessThan(30_000_000)
  })

  it.each([1009, 4096, 65_536, 300_000])('is stored as it is, in pieces of %i bytes', async (length) => {
    const blobs = await openBlobs({ directory: await temporaryFolder() })
    const stored = new StoredFiles()
    const { url } = await serve({
      files: filesApi(stored, {
        upload: async (params, options) => {
          if (!('fileId' in params.file.content)) {
            await blobs.putStream('file', params.file.content as Readable, options)
          }
          const content = Buffer.from((await blobs.get('file'))!)
          return stored.upload({ ...params, file: { ...params.file, content: Readable.from([content]) } })
        },
      }),
    })
    // Beginnings of the boundary everywhere.
    const pieces = Array.from({ length: 40 }, (_, index) => [randomBytes(7919 * (index % 5)), '\r\n--edg', '\r', '\n-'])
    const content = Buffer.concat(pieces.flat().map((piece) => Buffer.from(piece)))
    const behind = '\r\n--edge\r\ncontent-disposition: form-data; name="expires_in_seconds"\r\n\r\n3600'
    const form = Buffer.concat([opening, content, behind, ending].map((part) => Buffer.from(part)))
    const connection = await connect(url, head(form.length))
    connection.socket.setNoDelay(true)
    for (let from = 0; from < form.length; from += length) {
      await new Promise((resolve) => connection.socket.write(form.subarray(from, from + length), resolve))
    }
    await until(() => connection.text().endsWith('}'))
    const { body } = lastAnswer(connection.text())
    expect(body).toMatchObject({ size_bytes: content.length, expires_at: '1970-01-01T01:00:00.000Z' })
    expect(stored.files.get(body.id)!.content.equals(content)).toBe(true)
  })

  it('ends in an error for the library when the client goes away', async () => {
    const taken = Promise.withResolvers<void>()
    const ended = Promise.withResolvers<Error | null | undefined>()
    const { url } = await serve({
      files: {
        async upload({ file }) {
          const content = file.content as Readable
          finished(content, (error) => ended.resolve(error))
          content.once('data', () => taken.resolve())
          await ended.promise
          throw new Error('broken off')
        },
      },
    })
    const { socket } = await connect(url, `${head(100_000)}${opening}${'x'.repeat(70_000)}`)
    await taken.promise
    socket.destroy()
    expect(await ended.promise).toBeInstanceOf(Error)
  })

  it('leaves nothing when the client goes away behind the file', async () => {
    const { url, stored } = await start()
    const whole = `${opening}hello\r\n--edge\r\ncontent-disposition: form-data; name="expires_in_seconds"\r\n\r\n36`
    const { socket } = await connect(url, head(whole.length + 100) + whole)
    await until(() => stored.files.size === 1)
    socket.destroy()
    await until(() => stored.files.size === 0)
    expect((await ask(`${url}/health`)).status).toBe(200)
  })

  it('is given up when it stops coming', async () => {
    const { url, stored } = await start({ bodyPauseMs: 50 })
    const connection = await connect(url, `${head(1000)}${opening}hello`)
    await until(() => connection.text().endsWith('}'))
    const { status, body } = lastAnswer(connection.text())
    expect(status).toBe(400)
    expect(body.error.details).toEqual({ error_code: 'request_body_timeout' })
    expect(stored.files.size).toBe(0)
  })
})
