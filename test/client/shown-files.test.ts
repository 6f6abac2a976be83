import { randomBytes } from 'node:crypto'
import { Readable } from 'node:stream'
import { describe, expect, it } from 'vitest'
import { withFiles } from '../../activities/content-files.ts'
import { createFilesApi } from '../../client/files.ts'
import { checkContent } from '../../client/received-events.ts'
import type { Runtime } from '../../client/runtime.ts'
import type { AssistantBlock } from '../../protocol/contract.ts'
import { limits } from '../../protocol/limits.ts'
import { refusal } from '../support/refusal.ts'
import { emptyStores } from './stores.ts'

const kinds = { 'text/plain': 'document', 'application/pdf': 'document', 'image/png': 'image' } as const
type MimeType = keyof typeof kinds

const show = ({ id, mime_type }: { id: string; mime_type: string }) => ({
  type: kinds[mime_type as MimeType],
  source: { type: 'file' as const, file_id: id },
})
const user = (...content: AssistantBlock[]) => ({ role: 'user' as const, content })
const result = (...content: AssistantBlock[]) => ({ type: 'tool_result', tool_use_id: 't', content })

async function start() {
  const { records, blobs } = await emptyStores()
  const files = createFilesApi(records, blobs)
  const upload = (content: string | Buffer, mimeType: MimeType = 'text/plain') =>
    files.upload({ file: { mimeType, content: Readable.from([Buffer.from(content)]) } })
  const read: string[] = []
  const reading = (key: string) => {
    read.push(key)
    return key
  }
  const counted = {
    get: (key: string) => blobs.get(reading(key)),
    getStream: (key: string) => blobs.getStream(reading(key)),
  }
  const stores = { records, blobs: counted as typeof blobs }
  return { records, upload, read, stores }
}

/** What a message shows: the data of its files, and its texts. */
const shown = (content: readonly AssistantBlock[]): unknown[] =>
  content.flatMap((block) => {
    if (block.type === 'tool_result') return shown(block.content as AssistantBlock[])
    return block.type === 'text' ? [block.text] : [(block.source as { data: string }).data]
  })
const leftOut = ({ id }: { id: string }) =>
  `[file ${id} is left out: the files shown here are too large for one request]`

describe('the files of a model request', () => {
  it('are as they were uploaded, also those that are read in many pieces', async () => {
    const { upload, stores } = await start()
    const words = `\ufeff${'añ€😀'.repeat(50_000)}`
    const bytes = randomBytes(200_000)
    const [text, image] = [await upload(words), await upload(bytes, 'image/png')]
    const [message] = await withFiles([user(show(text), show(image))], stores)
    expect(message!.content).toEqual([
      { type: 'document', source: { type: 'text', media_type: 'text/plain', data: words } },
      { type: 'image', source: { type: 'base64', media_type: 'image/png', data: bytes.toString('base64') } },
    ])
  })

  it('are read once, however often they are named', async () => {
    const { upload, read, stores } = await start()
    const file = await upload('hello')
    const messages = [user(...Array.from({ length: 100 }, () => show(file))), user(result(show(file)))]
    const [first, last] = await withFiles(messages, stores)
    expect(shown(first!.content)).toEqual(Array.from({ length: 100 }, () => 'hello'))
    expect(shown(last!.content)).toEqual(['hello'])
    expect(read).toHaveLength(1)
  })

  it('are the newest that a request can hold, each time counted; notes stand for the others, which are not read', async () => {
    const { upload, read, stores } = await start()
    const [old, large, small] = [await upload('123456'), await upload('x'.repeat(11)), await upload('12')]
    const messages = [user(show(old), show(small)), user(result(show(small), show(large))), user(show(small))]
    const contents = (await withFiles(messages, stores, 10)).map(({ content }) => shown(content))
    expect(contents).toEqual([[leftOut(old), '12'], ['12', leftOut(large)], ['12']])
    expect(read).toHaveLength(1)
  })

  it('count as they stand in the request: images and PDF documents as base64', async () => {
    const { upload, stores } = await start()
    const [text, pdf] = [await upload('123456'), await upload('123456', 'application/pdf')]
    const shownWith = async (most: number) =>
      shown((await withFiles([user(show(text), show(pdf))], stores, most))[0]!.content)
    expect(await shownWith(14)).toEqual(['123456', 'MTIzNDU2'])
    expect(await shownWith(13)).toEqual([leftOut(text), 'MTIzNDU2'])
    expect(await shownWith(7)).toEqual(['123456', leftOut(pdf)])
  })

  it('count as they stand in the request: texts as JSON', async () => {
    const { upload, stores } = await start()
    const file = await upload('\n\0€')
    const shownWith = async (most: number) => shown((await withFiles([user(show(file))], stores, most))[0]!.content)
    expect(await shownWith(11)).toEqual(['\n\0€'])
    expect(await shownWith(10)).toEqual([leftOut(file)])
  })
})

describe('a message that names files', () => {
  async function sizes() {
    const { records, upload } = await start()
    const send = async (...messages: [MimeType, number, number?][]) => {
      const events = []
      for (const [mimeType, size_bytes, times = 1] of messages) {
        const file = await upload('', mimeType)
        await records.files.delete(file.id)
        await records.files.insert({ metadata: { ...file, size_bytes }, blob: `files/${file.id}` })
        const content = Array.from({ length: times }, () => show(file))
        events.push({ type: 'user.message' as const, content })
      }
      await checkContent({ records } as Runtime, events as Parameters<typeof checkContent>[1], 'events')
    }
    return { send }
  }
  const most = limits.shownFilesBytes

  it.each<[MimeType, number, number?]>([
    ['text/plain', most],
    ['text/plain', most / 4, 4],
    ['application/pdf', (most / 4) * 3],
    ['image/png', (most / 4) * 3],
  ])('is taken when a request can hold them: %s of %i bytes', async (...file) => {
    const { send } = await sizes()
    await send(file, ['text/plain', most])
  })

  it.each<[MimeType, number, number?]>([
    ['text/plain', most + 1],
    ['text/plain', 30 * 1024 * 1024, 99],
    ['text/plain', most / 4 + 1, 4],
    ['application/pdf', (most / 4) * 3 + 1],
    ['image/png', (most / 4) * 3 + 1],
  ])('is refused when none can: %s of %i bytes', async (...file) => {
    const { send } = await sizes()
    const refused = await refusal(() => send(['text/plain', 1], file))
    expect(refused).toMatchObject({ status: 400, message: expect.stringContaining('events.1.content: its files') })
  })
})
