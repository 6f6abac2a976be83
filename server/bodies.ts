import { Transform } from 'node:stream'
import { createBrotliDecompress, createGunzip, createInflate } from 'node:zlib'
import type { FastifyInstance, FastifyRequest } from 'fastify'
import { ApiError, invalidRequest } from '../protocol/errors.ts'
import { limits } from '../protocol/limits.ts'

const charsets = ['utf-8', 'utf8', 'iso-8859-1', 'us-ascii']
/** Milliseconds between two pieces of a body. */
const pauseMs = 30_000

const decoders: Record<string, () => Transform> = {
  gzip: createGunzip,
  deflate: createInflate,
  br: createBrotliDecompress,
}

/** How JSON bodies are read: encodings, character sets, pauses, sizes. Source: spec §2.3, §2.9. */
export function registerBodies(app: FastifyInstance): void {
  app.removeAllContentTypeParsers()
  app.addContentTypeParser(/^application\/(json|[\w.+-]+\+json)/, { parseAs: 'buffer' }, async (request: FastifyRequest, body: Buffer) => {
    return parseJson(body, charsetOf(request.headers['content-type'] ?? ''))
  })
  // SDKs send POSTs without content with any type, or none.
  app.addContentTypeParser('*', { parseAs: 'buffer' }, async (request: FastifyRequest, body: Buffer) => {
    if (body.length === 0) return undefined
    throw invalidRequest(`content-type: ${request.headers['content-type'] ?? 'none'} is not taken here, only application/json`)
  })

  app.addHook('preParsing', async (request, _reply, payload) => {
    const type = request.headers['content-type'] ?? ''
    if (type.startsWith('multipart/')) return payload
    charsetOf(type)
    const encoding = request.headers['content-encoding']?.trim().toLowerCase()
    const bounded = payload.pipe(withoutPauses())
    payload.on('error', (error) => bounded.destroy(error))
    if (!encoding || encoding === 'identity') return bounded
    const decoder = decoders[encoding]?.()
    if (!decoder) throw invalidRequest(`content-encoding: ${encoding} is not supported`, { code: 'request_body_encoding_unsupported' })
    // The declared length is that of the encoded body; the decoded one is counted below.
    delete request.headers['content-length']
    const counted = atMost(limits.requestBytes)
    decoder.on('error', (cause) =>
      counted.destroy(invalidRequest(`the body is not valid ${encoding}`, { code: 'request_body_encoding_invalid', cause })),
    )
    bounded.on('error', (error) => counted.destroy(error))
    return bounded.pipe(decoder).pipe(counted)
  })

  // A body that is not an object is no request of this API.
  app.addHook('preValidation', async (request) => {
    const { body } = request
    if (body === undefined || body === null || request.isMultipart?.()) return
    if (typeof body !== 'object' || Array.isArray(body)) throw invalidRequest('the body must be a JSON object')
  })
}

function charsetOf(type: string): string {
  const charset = /charset\s*=\s*"?([^";\s]+)/i.exec(type)?.[1]?.toLowerCase() ?? 'utf-8'
  if (!charsets.includes(charset)) {
    throw invalidRequest(`content-type: charset ${charset} is not supported, only UTF-8, ISO-8859-1 and US-ASCII`, {
      code: 'unsupported_charset',
    })
  }
  return charset
}

function parseJson(body: Buffer, charset: string): unknown {
  if (body.length === 0) return undefined
  try {
    return JSON.parse(body.toString(charset === 'iso-8859-1' ? 'latin1' : 'utf8'))
  } catch (cause) {
    throw invalidRequest(`the body is not valid JSON: ${(cause as Error).message}`, { cause })
  }
}

function withoutPauses(): Transform {
  const timer = setTimeout(() => {
    stream.destroy(invalidRequest('the body did not come in time', { code: 'request_body_timeout' }))
  }, pauseMs)
  const stream = new Transform({
    transform(chunk, _encoding, done) {
      timer.refresh()
      done(null, chunk)
    },
    flush(done) {
      clearTimeout(timer)
      done()
    },
    destroy(error, done) {
      clearTimeout(timer)
      done(error)
    },
  })
  return stream
}

function atMost(bytes: number): Transform {
  let size = 0
  return new Transform({
    transform(chunk, _encoding, done) {
      size += chunk.length
      if (size <= bytes) return done(null, chunk)
      done(
        new ApiError(413, 'request_too_large', `the decoded body is longer than ${bytes} bytes`, {
          code: 'request_body_too_large_after_decoding',
        }),
      )
    },
  })
}
