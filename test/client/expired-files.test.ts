import { Readable } from 'node:stream'
import { describe, expect, it } from 'vitest'
import { purgeExpiredFiles } from '../../client/expired-files.ts'
import { createFilesApi } from '../../client/files.ts'
import { prepareResources } from '../../client/session-resources.ts'
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

  it('can be deleted when their content is gone', async () => {
    const { stores, files, upload } = await start()
    const file = await upload(3600)
    await purgeExpiredFiles(stores, Date.parse(file.expires_at!))
    expect(await files.delete(file.id)).toEqual({ id: file.id, type: 'file_deleted' })
  })

  it('cannot be mounted; what a session has mounted before stays', async () => {
    const { stores, records, upload, hasContent } = await start()
    const file = await upload(3600)
    const mount = [{ type: 'file' as const, file_id: file.id, mount_path: '/data/a.txt' }]
    const { copies } = await prepareResources(records, 'sesn_1', mount, new Date().toISOString())
    for (const copy of copies) await records.files.insert(copy)
    expect(copies[0]!.metadata.expires_at).toBeNull()
    await purgeExpiredFiles(stores, Date.parse(file.expires_at!) + 60 * day)
    expect(await hasContent(file.id)).toBe(true)
    const old = await upload()
    await records.files.insert({
      metadata: { ...old, id: 'file_old', expires_at: '2020-01-01T00:00:00.000Z' },
      blob: `files/${old.id}`,
    })
    const again = [{ ...mount[0]!, file_id: 'file_old' }]
    expect(await refusal(() => prepareResources(records, 'sesn_2', again, ''))).toMatchObject({
      status: 400,
      code: 'file_expired',
    })
  })
})
