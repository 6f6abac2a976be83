import { Readable } from 'node:stream'
import { text } from 'node:stream/consumers'
import { describe, expect, it } from 'vitest'
import { withFiles } from '../../activities/content-files.ts'
import { purgeExpiredFiles } from '../../client/expired-files.ts'
import { createFilesApi } from '../../client/files.ts'
import { checkContent } from '../../client/received-events.ts'
import type { Runtime } from '../../client/runtime.ts'
import { prepareResources } from '../../client/session-resources.ts'
import { newId } from '../../protocol/ids.ts'
import { secretBox } from '../../store/secrets.ts'
import { refusal } from '../support/refusal.ts'
import { emptyStores } from './stores.ts'

const day = 24 * 3600_000

async function start() {
  const stores = await emptyStores()
  const files = createFilesApi(stores.records, stores.blobs)
  const upload = (expires_in_seconds?: number) =>
    files.upload({ file: { filename: 'a.txt', content: Readable.from(['hello']) }, expires_in_seconds })
  const hasContent = async (id: string) => (await stores.blobs.get(`files/${id}`)) !== undefined
  return { ...stores, stores, files, upload, hasContent }
}

describe('expired files', () => {
  it('lose their content, and 30 days later what is known of them', async () => {
    const { stores, files, upload, hasContent } = await start()
    const [expiring, lasting] = [await upload(3600), await upload()]
    const end = Date.parse(expiring.expires_at!)
    await purgeExpiredFiles(stores, end - 1)
    expect(await hasContent(expiring.id)).toBe(true)
    await purgeExpiredFiles(stores, end)
    expect(await hasContent(expiring.id)).toBe(false)
    expect(await files.retrieveMetadata(expiring.id)).toEqual(expiring)
    await purgeExpiredFiles(stores, end + 30 * day - 1)
    expect(await files.retrieveMetadata(expiring.id)).toEqual(expiring)
    await purgeExpiredFiles(stores, end + 30 * day)
    expect(await refusal(() => files.retrieveMetadata(expiring.id))).toMatchObject({ status: 404 })
    expect(await hasContent(lasting.id)).toBe(true)
  })

  it('leave the content that others share when two servers remove them at once', async () => {
    const { stores, records, upload, hasContent } = await start()
    const file = await upload(3600)
    const end = Date.parse(file.expires_at!)
    await records.files.insert({ metadata: { ...file, id: newId('file'), expires_at: null }, blob: `files/${file.id}` })
    let isFirst = true
    const due: typeof records.files.due = async (...args) => {
      const rows = await records.files.due(...args)
      if (isFirst) await purgeExpiredFiles(stores, end)
      isFirst = false
      return rows
    }
    await purgeExpiredFiles({ ...stores, records: { ...records, files: { ...records.files, due } } }, end)
    expect(await hasContent(file.id)).toBe(true)
  })

  it('can be deleted when their content is gone', async () => {
    const { stores, files, upload } = await start()
    const file = await upload(3600)
    await purgeExpiredFiles(stores, Date.parse(file.expires_at!))
    expect(await files.delete(file.id)).toEqual({ id: file.id, type: 'file_deleted' })
  })

  it('leave a note where a message shows them', async () => {
    const { stores, upload } = await start()
    const [expiring, lasting] = [await upload(3600), await upload()]
    const document = (file_id: string) => ({ type: 'document', source: { type: 'file', file_id } })
    await purgeExpiredFiles(stores, Date.parse(expiring.expires_at!))
    const messages = [{ role: 'user' as const, content: [document(expiring.id), document(lasting.id)] }]
    const [shown] = await withFiles(messages, stores)
    expect(shown?.content).toMatchObject([
      { type: 'text', text: `[file ${expiring.id} is no longer available]` },
      { type: 'document', source: { type: 'text', data: 'hello' } },
    ])
  })

  it('cannot be shown in a new message', async () => {
    const { records, upload } = await start()
    const file = await upload(3600)
    const show = (file_id: string) => [
      {
        type: 'user.message' as const,
        content: [{ type: 'document' as const, source: { type: 'file' as const, file_id } }],
      },
    ]
    await checkContent({ records } as Runtime, show(file.id), 'events')
    await records.files.insert({
      metadata: { ...file, id: 'file_old', expires_at: '2020-01-01T00:00:00.000Z' },
      blob: `files/${file.id}`,
    })
    expect(await refusal(() => checkContent({ records } as Runtime, show('file_old'), 'events'))).toMatchObject({
      status: 400,
      code: 'file_expired',
    })
  })

  it('cannot be mounted; what a session has mounted before stays', async () => {
    const { stores, records, upload, hasContent } = await start()
    const file = await upload(3600)
    const mount = [{ type: 'file' as const, file_id: file.id, mount_path: '/data/a.txt' }]
    const { copies } = await prepareResources(
      { records, secrets: secretBox(new Uint8Array(32)), allowPrivate: [] },
      'sesn_1',
      mount,
      new Date().toISOString(),
    )
    for (const copy of copies) expect(await records.files.insertCopy(copy)).toBe(true)
    expect(copies[0]!.copy.metadata.expires_at).toBeNull()
    await purgeExpiredFiles(stores, Date.parse(file.expires_at!) + 60 * day)
    expect(await hasContent(file.id)).toBe(true)
    const old = await upload()
    await records.files.insert({
      metadata: { ...old, id: 'file_old', expires_at: '2020-01-01T00:00:00.000Z' },
      blob: `files/${old.id}`,
    })
    const again = [{ ...mount[0]!, file_id: 'file_old' }]
    expect(
      await refusal(() =>
        prepareResources({ records, secrets: secretBox(new Uint8Array(32)), allowPrivate: [] }, 'sesn_2', again, ''),
      ),
    ).toMatchObject({
      status: 400,
      code: 'file_expired',
    })
  })
})

describe('a file made of the content of another', () => {
  it('shares it, also when the other is deleted', async () => {
    const { files, blobs, upload } = await start()
    const first = await upload()
    const second = await files.upload({
      file: { filename: 'b.txt', content: { fileId: first.id } },
      expires_in_seconds: 3600,
    })
    await files.delete(first.id)
    expect(second).toMatchObject({ filename: 'b.txt', size_bytes: 5, scope: null })
    expect(await text((await files.download(second.id)).content)).toBe('hello')
    const keys = []
    for await (const key of blobs.list('files/')) keys.push(key)
    expect(keys).toHaveLength(1)
    await files.delete(second.id)
    for await (const key of blobs.list('files/')) throw new Error(`${key} is still there`)
  })

  it('is refused when there is no such file', async () => {
    const { files } = await start()
    expect(await refusal(() => files.upload({ file: { content: { fileId: 'file_none' } } }))).toMatchObject({
      status: 404,
    })
  })
})
