import path from 'node:path'
import { onTestFinished } from 'vitest'
import { openRecords } from '../../store/open-records.ts'
import { temporaryFolder } from '../support/temporary-folder.ts'
import { recordsConformance } from './records-conformance.ts'

recordsConformance('SQLite', async () => {
  const folder = await temporaryFolder()
  const records = await openRecords({ url: `sqlite:${path.join(folder, 'records.db')}` })
  onTestFinished(() => records.close())
  return records
})
