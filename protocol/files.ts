/** Files: uploads and what sessions leave behind. Source: spec §15. */
import type { Readable } from 'node:stream'
import { z } from 'zod'
import { invalidRequest } from './errors.ts'
import { pageSizes } from './limits.ts'
import { pageParams } from './pagination.ts'

export interface FileMetadata {
  id: string
  type: 'file'
  filename: string
  mime_type: string
  size_bytes: number
  created_at: string
  downloadable: boolean
  expires_at: string | null
  scope: { type: 'session'; id: string } | null
}

/** How a file stands in a request to the model, and how many bytes it takes there. */
export function shownAs({ mime_type, size_bytes }: FileMetadata): {
  mediaType: string
  isText: boolean
  bytes: number
} {
  const mediaType = mime_type.split(';')[0]!.trim()
  const isText = mediaType.startsWith('text/')
  return { mediaType, isText, bytes: isText ? size_bytes : 4 * Math.ceil(size_bytes / 3) }
}

export interface FileUploadParams {
  file: {
    /** Only its last path component is kept. */
    filename?: string
    /** Taken from the file name's ending when absent. */
    mimeType?: string
    /** With an id, the content of that file: the two share it, nothing is copied. */
    content: Readable | Uint8Array | Blob | { fileId: string }
  }
  /** 3,600 to 7,776,000; never when absent. */
  expires_in_seconds?: number
}

export const expiresInSeconds = z.int().min(3600).max(7_776_000).optional()

/** Goes out again as a header: a type, a subtype and parameters, in printable ASCII. */
export const mimeType = z
  .string()
  .max(255)
  .regex(/^[\w!#$&^.+-]+\/[\w!#$&^.+-]+(\s*;[\x20-\x7e]*)?$/, 'must be a media type such as text/csv')
  .optional()

export const fileListParams = pageParams('files').extend({
  limit: z.int().min(1).max(pageSizes.files.max).optional(),
  scope_id: z.string().optional(),
  ids: z.array(z.string()).nullish(),
})
export type FileListParams = z.input<typeof fileListParams>

/** The stored name of an upload. Throws a 400 on a name that no file may have. Source: spec §15.2. */
export function storedFilename(given: string | undefined, extension: string): string {
  const last = given?.split(/[/\\]/).at(-1) ?? ''
  if (last === '' || last === '.' || last === '..') return `unnamed${extension}`
  if (last.length > 255) throw invalidRequest('file: the file name is longer than 255 characters')
  if (/[<>:"|?*]/.test(last) || /\p{Cc}/u.test(last)) {
    throw invalidRequest('file: the file name has one of < > : " | ? * or a control character')
  }
  return last
}
