import type { IncomingMessage } from 'node:http'
import type { MultipartFile } from '@fastify/multipart'
import type { FastifyRequest } from 'fastify'
import type { FilesApi } from '../client/api.ts'
import { ApiError, invalidRequest, tooLarge } from '../protocol/errors.ts'
import type { FileMetadata } from '../protocol/files.ts'
import type { ServerLimits } from './limits.ts'

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
  checkHeaders(request, limits)
  const late = Promise.withResolvers<never>()
  let open: MultipartFile | undefined
  const unwatch = watch(request.raw, limits, (error) => {
    late.reject(error)
    open?.file.destroy(error)
  })
  const parts = request.parts({ isPartAFile })[Symbol.asyncIterator]()
  let stored: FileMetadata | undefined
  let expiry: number | undefined
  try {
    for (;;) {
      const { done, value: part } = await Promise.race([parts.next(), late.promise])
      if (done) break
      if (part.type === 'field') {
        expiry = readExpiry(part.fieldname, part.value)
        // It names the life of a file that is stored already, which the library has no call to change.
        if (stored) stored = await replace(files, stored, expiry)
        continue
      }
      open = part
      if (part.fieldname !== 'file') throw invalidRequest(`${part.fieldname}: the part with the file is called "file"`)
      const tooLong = tooLarge(`file: longer than ${limits.fileBytes} bytes`)
      // A short file may have come whole by now.
      if (part.file.truncated) throw tooLong
      part.file.once('limit', () => part.file.destroy(tooLong))
      stored = await store(files, part, expiry)
    }
    if (!stored) throw invalidRequest('file: the part is missing')
    return stored
  } catch (error) {
    open?.file.destroy()
    if (stored) await files.delete(stored.id)
    if (request.raw.destroyed && !request.raw.complete) {
      throw invalidRequest('the connection was closed before the upload was complete', { cause: error })
    }
    throw fromParser(error)
  } finally {
    unwatch()
  }
}

/** The file is one by its name alone: that it has none of its own is allowed. */
const isPartAFile = (fieldname: string | undefined, _type: string | undefined, filename: string | undefined) =>
  fieldname === 'file' || filename !== undefined

function checkHeaders({ headers }: FastifyRequest, { fileBytes }: ServerLimits): void {
  if (Number(headers['content-length']) > fileBytes + envelopeBytes)
    throw tooLarge(`file: longer than ${fileBytes} bytes`)
  const encoding = headers['content-encoding']
  if (encoding === undefined || encoding === 'identity') return
  throw invalidRequest(`content-encoding: ${encoding} is not supported for an upload`, {
    code: 'request_body_encoding_unsupported',
  })
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

/** Calls `late` when nothing comes although it is wanted, or when the whole takes too long; until it is stopped. */
function watch(request: IncomingMessage, limits: ServerLimits, late: (error: ApiError) => void): () => void {
  const timedOut = () => late(invalidRequest('the upload did not come in time', { code: 'request_body_timeout' }))
  let seen = request.socket.bytesRead
  const pause = setInterval(() => {
    const { bytesRead } = request.socket
    // A body that is paused waits for the disk, not for the client.
    if (bytesRead === seen && !request.isPaused() && !request.complete) timedOut()
    seen = bytesRead
  }, limits.bodyPauseMs)
  const whole = setTimeout(timedOut, limits.uploadMs)
  return () => {
    clearInterval(pause)
    clearTimeout(whole)
  }
}

/** The parser has no class for bodies that are not multipart. */
function fromParser(error: unknown): unknown {
  if (!(error instanceof Error) || error instanceof ApiError || 'code' in error) return error
  if (!/multipart|boundary|part terminated|malformed/i.test(error.message)) return error
  return invalidRequest(`the upload is not valid multipart/form-data: ${error.message}`, { cause: error })
}
