import type { FastifyInstance, FastifyRequest } from 'fastify'
import { invalidRequest } from '../protocol/errors.ts'
import type { ServerLimits } from './limits.ts'
import { parseJson } from './parse-json.ts'
import { readBody } from './read-body.ts'

const charsets = new Map([
  ['utf-8', 'utf-8'],
  ['utf8', 'utf-8'],
  ['us-ascii', 'utf-8'],
  ['iso-8859-1', 'iso-8859-1'],
])
const json = /^application\/(json|[\w.-]+\+json)$/i

/** Bodies are JSON objects, or multipart where a route says so. Source: spec §2.3, §2.9. */
export function registerBodies(app: FastifyInstance, limits: ServerLimits): void {
  app.addHook('onRequest', async ({ headers }) => {
    // SDKs send requests without content with any type, also with none that one could read.
    if (headers['transfer-encoding'] !== undefined) return
    if (headers['content-length'] === undefined || headers['content-length'] === '0') delete headers['content-type']
  })
  app.removeAllContentTypeParsers()
  app.addContentTypeParser('*', async (request: FastifyRequest, payload: FastifyRequest['raw']) => {
    const type = request.headers['content-type'] ?? ''
    const charset = charsetOf(type)
    const bytes = await readBody(payload, request.headers, limits)
    if (bytes.length === 0) return undefined
    // Without a type a page in a browser could send it from anywhere, so it is not guessed.
    if (!json.test(type.split(';')[0]!.trim())) {
      throw invalidRequest('content-type: must be application/json')
    }
    return parseJson(bytes, charset, limits.requestValues)
  })
}

function charsetOf(type: string): string {
  const given = /;\s*charset\s*=\s*"?([^";\s]*)/i.exec(type)?.[1]
  const charset = charsets.get(given?.toLowerCase() ?? 'utf-8')
  if (charset === undefined) {
    throw invalidRequest(`content-type: charset ${given} is not supported, only UTF-8, ISO-8859-1 and US-ASCII`, {
      code: 'unsupported_charset',
    })
  }
  return charset
}
