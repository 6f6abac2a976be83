import path from 'node:path'
import { onTestFinished } from 'vitest'
import type { Blobs } from '../../store/blobs.ts'
import { openBlobs } from '../../store/open-blobs.ts'
import { openRecords } from '../../store/open-records.ts'
import type { Records } from '../../store/records.ts'
import { temporaryFolder } from '../support/temporary-folder.ts'

/** Empty stores, gone when the test is over. */
export async function emptyStores(): Promise<{ records: Records; blobs: Blobs }> {
  const folder = await temporaryFolder()
  const records = await openRecords({ url: `sqlite:${path.join(folder, 'records.db')}` })
  onTestFinished(() => records.close())
  return { records, blobs: await openBlobs({ directory: path.join(folder, 'blobs') }) }
}
