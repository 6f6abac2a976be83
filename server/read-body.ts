import type { Readable, Transform } from 'node:stream'
import { createBrotliDecompress, createGunzip, createInflate } from 'node:zlib'
import { type ApiError, invalidRequest, tooLarge } from '../protocol/errors.ts'
import type { ServerLimits } from './limits.ts'

const decoders = new Map<string, () => Transform>([
  ['gzip', () => createGunzip()],
  ['deflate', () => createInflate()],
  ['br', () => createBrotliDecompress()],
])

export interface BodyHeaders {
  'content-length'?: string
  'content-encoding'?: string
}

/**
 * Reads a body, decoded, within its bounds of size and time. Throws the 4xx that the client gets; what is left of the
 * body is then discarded as it comes. Source: spec §2.3, §2.9.
 */
export async function readBody(source: Readable, headers: BodyHeaders, limits: ServerLimits): Promise<Buffer> {
  const { requestBytes } = limits
  if (Number(headers['content-length']) > requestBytes) throw tooLong(requestBytes)
  const encoding = headers['content-encoding']?.trim().toLowerCase() || 'identity'
  const decoder = encoding === 'identity' ? undefined : decoders.get(encoding)?.()
  if (encoding !== 'identity' && !decoder) {
    throw invalidRequest(`content-encoding: ${encoding} is not supported, only gzip, deflate and br`, {
      code: 'request_body_encoding_unsupported',
    })
  }

  const { promise, resolve, reject } = Promise.withResolvers<void>()
  const late = () => reject(invalidRequest('the body did not come in time', { code: 'request_body_timeout' }))
  const pause = setTimeout(late, limits.bodyPauseMs)
  const whole = setTimeout(late, limits.bodyMs)
  const chunks: Buffer[] = []
  let size = 0
  let received = 0
  const onReceived = (chunk: Buffer) => {
    pause.refresh()
    received += chunk.length
    // An encoding may also make a body longer.
    if (received > requestBytes) reject(tooLong(requestBytes))
  }
  const onDecoded = (chunk: Buffer) => {
    size += chunk.length
    if (size > requestBytes) {
      reject(decoder ? tooLong(requestBytes, 'request_body_too_large_after_decoding') : tooLong(requestBytes))
    } else {
      chunks.push(chunk)
    }
  }
  const onGone = () => {
    // A decoder may still be at work when the last piece has come.
    if (source.readableEnded) return
    reject(invalidRequest('the connection was closed before the body was complete'))
  }
  source.on('data', onReceived).on('error', onGone).on('close', onGone)
  const decoded = decoder ? source.pipe(decoder) : source
  decoded.on('data', onDecoded).on('end', resolve)
  decoder?.on('error', (cause) =>
    reject(invalidRequest(`the body is not valid ${encoding}`, { code: 'request_body_encoding_invalid', cause })),
  )
  try {
    await promise
    return Buffer.concat(chunks, size)
  } finally {
    clearTimeout(pause)
    clearTimeout(whole)
    source.off('data', onReceived).off('data', onDecoded).off('close', onGone)
    if (decoder) {
      source.unpipe(decoder)
      decoder.off('data', onDecoded).destroy()
    }
    source.resume()
  }
}

function tooLong(bytes: number, code?: string): ApiError {
  return tooLarge(`the body is longer than ${bytes} bytes${code ? ' once decoded' : ''}`, code ? { code } : {})
}
