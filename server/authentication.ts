import { createHash, timingSafeEqual } from 'node:crypto'
import type { FastifyRequest } from 'fastify'
import { authenticationError } from '../protocol/errors.ts'

/** Lets requests pass that carry a key, in either header that the SDKs use. Source: spec §2.1. */
export function authenticator(apiKeys: string[]): (request: FastifyRequest) => Promise<void> {
  const known = apiKeys.map(digest)
  return async ({ headers, url }) => {
    if (known.length === 0 || url === '/health') return
    const bearer = /^Bearer\s+(.+)$/i.exec(headers.authorization ?? '')?.[1]
    const given = [bearer, headers['x-api-key']].filter((key) => typeof key === 'string')
    if (given.length === 0) throw authenticationError('a key is needed: x-api-key, or authorization: Bearer')
    // Every key is compared, and digests have one length: the time taken says nothing.
    const matches = given.flatMap((key) => known.map((other) => timingSafeEqual(digest(key), other)))
    if (!matches.includes(true)) throw authenticationError('the key is not known here')
  }
}

const digest = (key: string) => createHash('sha256').update(key).digest()
