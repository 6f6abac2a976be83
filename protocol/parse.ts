import type { z } from 'zod'
import { invalidRequest } from './errors.ts'

/** Checks a request against its schema. Throws a 400 that names every wrong field. */
export function parse<S extends z.ZodType>(schema: S, input: unknown, where = ''): z.output<S> {
  const result = schema.safeParse(input)
  if (result.success) return result.data
  const problems = result.error.issues.map((issue) => {
    const path = [where, ...issue.path].filter((part) => part !== '').join('.')
    return path ? `${path}: ${issue.message}` : issue.message
  })
  throw invalidRequest(problems.join('; '))
}
