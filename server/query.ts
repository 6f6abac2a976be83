import type { FastifyRequest } from 'fastify'
import { invalidRequest } from '../protocol/errors.ts'

/** How a query parameter is read. */
export type QueryKind = 'text' | 'number' | 'boolean' | 'list' | 'bounds'

/**
 * Reads the parameters that an endpoint has; others are ignored. Lists come as `name[]=a&name[]=b` or as a repeated
 * `name=a`, bounds as `name[gte]=…`. Source: spec §2.4.
 * @throws ApiError 400 that names the parameter
 */
export function readQuery(request: FastifyRequest, shape: Record<string, QueryKind>): Record<string, unknown> {
  const query = new URL(request.raw.url ?? '/', 'http://host').searchParams
  const read: Record<string, unknown> = {}
  for (const [name, kind] of Object.entries(shape)) {
    if (kind === 'bounds') {
      const bounds = ['gt', 'gte', 'lt', 'lte'].flatMap((bound) => {
        const text = query.get(`${name}[${bound}]`)
        return text === null ? [] : [[bound, text]]
      })
      if (bounds.length > 0) read[name] = Object.fromEntries(bounds)
      continue
    }
    if (kind === 'list') {
      const items = [...query.getAll(`${name}[]`), ...query.getAll(name)]
      if (items.length > 0) read[name] = items
      continue
    }
    const text = query.get(name)
    if (text !== null) read[name] = readValue(name, text, kind)
  }
  return read
}

function readValue(name: string, text: string, kind: 'text' | 'number' | 'boolean'): unknown {
  if (kind === 'text') return text
  if (kind === 'number') {
    if (!/^-?\d{1,15}$/.test(text)) throw invalidRequest(`${name}: must be a whole number`)
    return Number(text)
  }
  if (text !== 'true' && text !== 'false') throw invalidRequest(`${name}: must be true or false`)
  return text === 'true'
}
