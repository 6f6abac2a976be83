import path from 'node:path'
import { onTestFinished } from 'vitest'
import { openRecords } from '../../store/open-records.ts'
import { temporaryFolder } from '../support/temporary-folder.ts'
import { memoryConformance } from './memory-conformance.ts'
import { recordsConformance } from './records-conformance.ts'

const open = async () => {
  const folder = await temporaryFolder()
  const records = await openRecords({ url: `sqlite:${path.join(folder, 'records.db')}` })
  onTestFinished(() => records.close())
  return records
}

recordsConformance('SQLite', open)
memoryConformance('SQLite', open)
