import type { FastifyRequest } from 'fastify'
import { invalidRequest } from '../protocol/errors.ts'

/** How a query parameter is read. */
export type QueryKind = 'text' | 'number' | 'boolean' | 'list' | 'bounds'

/**
 * Reads the parameters that an endpoint has; others are ignored. Lists come as `name[]=a&name[]=b` or as a repeated
 * `name=a`, bounds as `name[gte]=…`; the library says which bounds there are. Source: spec §2.4.
 * @throws ApiError 400 that names the parameter
 */
export function readQuery(request: FastifyRequest, shape: Record<string, QueryKind>): Record<string, unknown> {
  const query = [...new URL(request.raw.url ?? '/', 'http://host').searchParams]
  const read: Record<string, unknown> = {}
  for (const [name, kind] of Object.entries(shape)) {
    const given = query.filter(([key]) => key === name).map(([, value]) => value)
    if (kind === 'list') {
      given.push(...query.filter(([key]) => key === `${name}[]`).map(([, value]) => value))
      if (given.length > 0) read[name] = given
    } else if (kind === 'bounds') {
      if (given.length > 0) throw invalidRequest(`${name}: needs a bound, as in ${name}[gte]`)
      const bounds = query.flatMap(([key, value]) => {
        const bound = key.startsWith(`${name}[`) && key.endsWith(']') ? key.slice(name.length + 1, -1) : undefined
        return bound === undefined ? [] : [[bound, value] as const]
      })
      if (bounds.length > 0) read[name] = Object.fromEntries(bounds)
    } else if (given.length > 1) {
      throw invalidRequest(`${name}: was given ${given.length} times`)
    } else if (given.length === 1) {
      read[name] = readValue(name, given[0]!, kind)
    }
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
