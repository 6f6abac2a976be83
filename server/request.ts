import type { FastifyRequest } from 'fastify'
import { invalidRequest } from '../protocol/errors.ts'

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
  if (typeof key !== 'string' || key === '') return {}
  if (key.length > 255) throw invalidRequest('idempotency-key: must have at most 255 characters')
  return { idempotencyKey: key }
}

/** Whether the request asks for a beta by its header. */
export function hasBeta(request: FastifyRequest, name: string): boolean {
  const header = request.headers['anthropic-beta']
  return [header].flat().some((value) => value?.split(',').some((beta) => beta.trim() === name))
}
