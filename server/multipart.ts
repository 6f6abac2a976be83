import type { IncomingMessage } from 'node:http'
import type { MultipartFile } from '@fastify/multipart'
import type { FastifyRequest } from 'fastify'
import { ApiError, invalidRequest, tooLarge } from '../protocol/errors.ts'
import type { ServerLimits } from './limits.ts'

/** The parts of a multipart request as they come, within their bounds of time. */
export interface UploadParts extends AsyncIterable<UploadPart>, Disposable {
  /** What the client is told when the upload fails with this error. */
  refusal(error: unknown): unknown
}

export type UploadPart = MultipartFile | { type: 'field'; fieldname: string; value: unknown }

/**
 * Opens the parts of a multipart request. To be disposed of when the upload is over, also when it has failed.
 * @param isFile whether a field is a file also when its part has no file name
 * @param maxBytes of the whole body
 * @throws ApiError 413 for one that is announced to be longer, 400 for an encoded one
 */
export function uploadParts(
  request: FastifyRequest,
  limits: ServerLimits,
  { isFile, maxBytes, tooLong }: { isFile: (fieldname: string) => boolean; maxBytes: number; tooLong: string },
): UploadParts {
  checkHeaders(request, maxBytes, tooLong)
  const late = Promise.withResolvers<never>()
  // Who waits for a file hears of it by the file's stream.
  late.promise.catch(() => {})
  let open: MultipartFile | undefined
  const unwatch = watch(request.raw, limits, (error) => {
    late.reject(error)
    open?.file.destroy(error)
  })
  // That it has none of its own is allowed.
  const isPartAFile = (fieldname: string | undefined, _type: string | undefined, filename: string | undefined) =>
    filename !== undefined || (fieldname !== undefined && isFile(fieldname))
  const parts = request.parts({ isPartAFile })[Symbol.asyncIterator]()
  return {
    async *[Symbol.asyncIterator]() {
      for (;;) {
        const { done, value: part } = await Promise.race([parts.next(), late.promise])
        if (done) return
        if (part.type === 'file') open = part
        yield part
      }
    },
    refusal(error) {
      open?.file.destroy()
      // Files behind it, which nobody reads any more, would hold up the rest, and with it the connection.
      request.raw.unpipe()
      if (request.raw.destroyed && !request.raw.complete) {
        return invalidRequest('the connection was closed before the upload was complete', { cause: error })
      }
      return fromParser(error)
    },
    [Symbol.dispose]: unwatch,
  }
}

function checkHeaders({ headers }: FastifyRequest, maxBytes: number, tooLong: string): void {
  if (Number(headers['content-length']) > maxBytes) throw tooLarge(tooLong)
  const encoding = headers['content-encoding']
  if (encoding === undefined || encoding === 'identity') return
  throw invalidRequest(`content-encoding: ${encoding} is not supported for an upload`, {
    code: 'request_body_encoding_unsupported',
  })
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
