import type { z } from 'zod'
import { invalidRequest } from './errors.ts'

/** Checks a request against its schema. Throws a 400 that names every wrong field, or the first text that is none. */
export function parse<S extends z.ZodType>(schema: S, input: unknown, where = ''): z.output<S> {
  const result = schema.safeParse(input)
  if (result.success) {
    const broken = brokenText(result.data)
    if (broken) throw invalidRequest(`${[where, ...broken].filter(Boolean).join('.')}: is not valid Unicode`)
    return result.data
  }
  const problems = result.error.issues.map((issue) => {
    const path = [where, ...issue.path].filter((part) => part !== '').join('.')
    return path ? `${path}: ${issue.message}` : issue.message
  })
  throw invalidRequest(problems.join('; '))
}

/**
 * The path of a text with half of a surrogate pair, which no UTF-8 can say. The Messages API refuses every request that
 * it is part of: in a conversation it would spoil all that follows.
 */
function brokenText(input: unknown): string[] | undefined {
  const open: { value: unknown; path: string[] }[] = [{ value: input, path: [] }]
  for (let next = open.pop(); next; next = open.pop()) {
    const { value, path } = next
    if (typeof value === 'string' && !value.isWellFormed()) return path
    // A file's content is no text.
    if (typeof value !== 'object' || value === null || ArrayBuffer.isView(value)) continue
    for (const [key, inner] of Object.entries(value)) {
      if (!key.isWellFormed()) return [...path, 'a name']
      if (typeof inner === 'string' ? !inner.isWellFormed() : typeof inner === 'object') {
        open.push({ value: inner, path: [...path, key] })
      }
    }
  }
  return undefined
}
