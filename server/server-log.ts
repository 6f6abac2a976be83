import type { FastifyRequest } from 'fastify'
import type { ApiError } from '../protocol/errors.ts'

/** Takes one line; it never gets a body, a query or a key. */
export type ServerLog = (line: string) => void

/** Writes down what was the server's fault, under the id that the client was given. */
export function writeFault(log: ServerLog, { id, method, url }: FastifyRequest, known: ApiError, error: unknown): void {
  if (known.status < 500) return
  const text =
    known.status === 500
      ? describe(error, (cause) => cause.stack ?? cause.message)
      : describe(error, (cause) => cause.message)
  log(`${id} ${method} ${url.split('?')[0]} ${known.status}: ${text.replace(/\s*\n\s*/g, ' | ')}`)
}

function describe(error: unknown, say: (error: Error) => string, depth = 0): string {
  if (!(error instanceof Error)) return String(error)
  const more = error.cause === undefined || depth === 5 ? '' : ` (${describe(error.cause, say, depth + 1)})`
  return say(error) + more
}
