import type { FilesApi } from '../client/api.ts'
import { invalidRequest } from '../protocol/errors.ts'
import type { FileMetadata } from '../protocol/files.ts'
import { pageSizes } from '../protocol/limits.ts'

export interface LegacyFileListParams {
  limit?: number
  before_id?: string
  after_id?: string
  scope_id?: string
}

export interface LegacyFileList {
  data: FileMetadata[]
  has_more: boolean
  first_id: string | null
  last_id: string | null
}

/** The list of files with ids for cursors, newest first. Source: spec §15.6. */
export async function listLegacyFiles(files: FilesApi, params: LegacyFileListParams): Promise<LegacyFileList> {
  const { limit = pageSizes.files.default, before_id: before, after_id: after, scope_id } = params
  if (limit < 1 || limit > pageSizes.files.max) throw invalidRequest(`limit: must be from 1 to ${pageSizes.files.max}`)
  if (before !== undefined && after !== undefined) throw invalidRequest('before_id: cannot be combined with after_id')

  // One more than asked for says whether there are more.
  let data: FileMetadata[] = []
  let found = before === undefined && after === undefined
  for await (const file of walk(files, scope_id)) {
    if (file.id === before) {
      found = true
      break
    }
    if (found || before !== undefined) data.push(file)
    if (before !== undefined && data.length > limit + 1) data.shift()
    if (before === undefined && data.length > limit) break
    if (file.id === after) found = true
  }
  if (!found) throw invalidRequest(`${before === undefined ? 'after_id' : 'before_id'}: no such file in this list`)
  const has_more = data.length > limit
  data = before === undefined ? data.slice(0, limit) : data.slice(-limit)
  return { data, has_more, first_id: data[0]?.id ?? null, last_id: data.at(-1)?.id ?? null }
}

async function* walk(files: FilesApi, scope_id: string | undefined): AsyncIterable<FileMetadata> {
  for (let page: string | null | undefined; page !== null; ) {
    const part = await files.list({
      limit: pageSizes.files.max,
      ...(page && { page }),
      ...(scope_id !== undefined && { scope_id }),
    })
    yield* part.data
    page = part.next_page
  }
}
