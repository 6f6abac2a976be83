import type { FastifyRequest } from 'fastify'
import { readQuery } from './query.ts'

/** Routes of one object. */
export interface IdRoute {
  Params: { id: string }
}

/** The body for a method of the library, which checks it: none counts as an empty object. */
export function bodyOf<T>(request: FastifyRequest): T {
  return (request.body ?? {}) as T
}

export function idempotencyKey(request: FastifyRequest): { idempotencyKey?: string } {
  const key = request.headers['idempotency-key']
  return typeof key === 'string' ? { idempotencyKey: key } : {}
}

/** Whether the official SDKs say that they repeat a request by themselves. */
export function repetition(request: FastifyRequest): { isRepeated?: true } {
  return Number(request.headers['x-stainless-retry-count']) > 0 ? { isRepeated: true } : {}
}

/** What a reader wants of a stream; the place that it has reached may be a header too, as browsers send it. */
export function streamParams(request: FastifyRequest): Record<string, unknown> {
  const params = readQuery(request, { after: 'text', event_deltas: 'list' })
  const last = request.headers['last-event-id']
  if (typeof last === 'string' && last !== '') params.after = last
  return params
}

/** Whether the request asks for a beta by its header. */
export function hasBeta(request: FastifyRequest, name: string): boolean {
  const header = request.headers['anthropic-beta']
  return [header].flat().some((value) => value?.split(',').some((beta) => beta.trim() === name))
}
