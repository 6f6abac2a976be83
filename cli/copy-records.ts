import path from 'node:path'
import { isPostgresUrl } from '../store/records-url.ts'
import { copyRecords } from '../store/sql/copy-records.ts'
import { loadConfig } from '../worker/config/load-config.ts'
import { lockData } from '../worker/data-lock.ts'
import { usageError } from './failure.ts'

export interface CopyRecordsFlags {
  to: string
  data?: string
}

/**
 * `holdfast records copy`: copies the records that are configured into another, empty database, all or none. Nothing may
 * run on the data folder meanwhile.
 * @returns the exit code
 */
export async function copyConfiguredRecords({ to, data }: CopyRecordsFlags): Promise<number> {
  const config = await loadConfig({ overrides: data === undefined ? {} : { data } })
  const url = targetOf(to)
  if (url === config.records.url) throw usageError('--to: is where the records are')
  const lock = await lockData(config.data)
  try {
    const rows = await copyRecords({ from: config.records, to: { url } }, (table, count) => {
      if (count > 0) console.error(`holdfast: ${table}: ${count}`)
    })
    console.log(`copied ${rows} rows; now set records.url in temporal.config.ts, or HOLDFAST_RECORDS_URL`)
    return 0
  } finally {
    lock.release()
  }
}

function targetOf(to: string): string {
  if (isPostgresUrl(to)) return to
  if (!/^sqlite:./.test(to)) throw usageError('--to: expected postgres://USER@HOST:PORT/DATABASE or sqlite:PATH')
  return `sqlite:${path.resolve(to.slice('sqlite:'.length))}`
}
