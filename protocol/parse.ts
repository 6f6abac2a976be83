import type { z } from 'zod'
import { invalidRequest } from './errors.ts'

/** Wrong fields that a refusal names. */
const mostNamed = 100

/** Checks a request against its schema. Throws a 400 that names the wrong fields, or the first text that is none. */
export function parse<S extends z.ZodType>(schema: S, input: unknown, where = ''): z.output<S> {
  const result = check(schema, input)
  if (result.success) {
    const broken = brokenText(result.data)
    if (broken) throw invalidRequest(`${[where, ...broken].filter(Boolean).join('.')}: is not valid Unicode`)
    return result.data
  }
  const { issues } = result.error
  const problems = issues.slice(0, mostNamed).map((issue) => {
    const path = [where, ...issue.path].filter((part) => part !== '').join('.')
    return path ? `${path}: ${issue.message}` : issue.message
  })
  if (issues.length > mostNamed) problems.push(`and ${issues.length - mostNamed} more`)
  throw invalidRequest(problems.join('; '))
}

function check<S extends z.ZodType>(schema: S, input: unknown): z.ZodSafeParseResult<z.output<S>> {
  try {
    return schema.safeParse(input)
  } catch (cause) {
    // The faults of a list are handed on as arguments, of which there cannot be a hundred thousand.
    if (cause instanceof RangeError) throw invalidRequest('the request has too many faults to name them', { cause })
    throw cause
  }
}

/**
 * The path of a text with half of a surrogate pair, which no UTF-8 can say. The Messages API refuses every request that
 * it is part of: in a conversation it would spoil all that follows.
 */
function brokenText(input: unknown): string[] | undefined {
  // A place knows the one above: a path for each value would take as long as all of them together, in what is deep.
  const open: { value: unknown; place: Place | undefined }[] = [{ value: input, place: undefined }]
  for (let next = open.pop(); next; next = open.pop()) {
    const { value, place } = next
    if (typeof value === 'string' && !value.isWellFormed()) return pathOf(place)
    // A file's content is no text.
    if (typeof value !== 'object' || value === null || ArrayBuffer.isView(value)) continue
    for (const [key, inner] of Object.entries(value)) {
      if (!key.isWellFormed()) return [...pathOf(place), 'a name']
      if (typeof inner === 'string' ? !inner.isWellFormed() : typeof inner === 'object') {
        open.push({ value: inner, place: { key, above: place } })
      }
    }
  }
  return undefined
}

interface Place {
  key: string
  above: Place | undefined
}

function pathOf(place: Place | undefined): string[] {
  const path: string[] = []
  for (let at = place; at; at = at.above) path.push(at.key)
  return path.reverse()
}
