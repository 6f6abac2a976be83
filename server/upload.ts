import type { MultipartFile } from '@fastify/multipart'
import type { FastifyRequest } from 'fastify'
import type { FilesApi } from '../client/api.ts'
import { invalidRequest, tooLarge } from '../protocol/errors.ts'
import type { FileMetadata } from '../protocol/files.ts'
import type { ServerLimits } from './limits.ts'
import { uploadParts } from './multipart.ts'

/** What the parts around the file may add to its length. */
const envelopeBytes = 64 * 1024

/**
 * Streams the file of a multipart request into the library as it comes. Nothing stays of an upload that breaks off or
 * whose later parts are wrong. Source: spec §15.2.
 */
export async function receiveUpload(
  request: FastifyRequest,
  files: FilesApi,
  limits: ServerLimits,
): Promise<FileMetadata> {
  const tooLong = `file: longer than ${limits.fileBytes} bytes`
  const maxBytes = limits.fileBytes + envelopeBytes
  using parts = uploadParts(request, limits, { isFile: (name) => name === 'file', maxBytes, tooLong })
  let stored: FileMetadata | undefined
  let expiry: number | undefined
  try {
    for await (const part of parts) {
      if (part.type === 'field') {
        expiry = readExpiry(part.fieldname, part.value)
        // It names the life of a file that is stored already, which the library has no call to change.
        if (stored) stored = await replace(files, stored, expiry)
        continue
      }
      if (part.fieldname !== 'file') throw invalidRequest(`${part.fieldname}: the part with the file is called "file"`)
      // A short file may have come whole by now.
      if (part.file.truncated) throw tooLarge(tooLong)
      part.file.once('limit', () => part.file.destroy(tooLarge(tooLong)))
      stored = await store(files, part, expiry)
    }
    if (!stored) throw invalidRequest('file: the part is missing')
    return stored
  } catch (error) {
    const refusal = parts.refusal(error)
    if (stored) await files.delete(stored.id)
    throw refusal
  }
}

function store(
  files: FilesApi,
  { filename, mimetype, file }: MultipartFile,
  expiry: number | undefined,
): Promise<FileMetadata> {
  // Clients that do not know the type say this; the ending of the name may tell more.
  const mimeType = mimetype === 'application/octet-stream' ? undefined : mimetype
  return files.upload(
    { file: { filename, mimeType, content: file }, ...(expiry !== undefined && { expires_in_seconds: expiry }) },
    { ownsBuffers: true },
  )
}

function readExpiry(name: string, value: unknown): number {
  if (name !== 'expires_in_seconds') throw invalidRequest(`${name}: not a field of an upload`)
  if (typeof value !== 'string' || !/^\d{1,15}$/.test(value)) throw invalidRequest(`${name}: must be a whole number`)
  return Number(value)
}

/** The same content as a file with an expiry: SDKs send the fields in the order in which the caller wrote them. */
async function replace(files: FilesApi, stored: FileMetadata, expiry: number): Promise<FileMetadata> {
  const { id, filename, mime_type: mimeType } = stored
  const replacement = await files.upload({
    file: { filename, mimeType, content: { fileId: id } },
    expires_in_seconds: expiry,
  })
  await files.delete(id)
  return replacement
}
