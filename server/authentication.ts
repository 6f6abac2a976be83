import { createHash, scryptSync, timingSafeEqual } from 'node:crypto'
import type { IncomingHttpHeaders } from 'node:http'
import { authenticationError } from '../protocol/errors.ts'
import { idFrom } from '../protocol/ids.ts'

/**
 * Lets requests pass that carry a key in either header that SDKs use; all of them when no keys are configured.
 * Returns the key that was given. Source: spec §2.1.
 */
export function authenticator(apiKeys: readonly string[]): (headers: IncomingHttpHeaders) => string | undefined {
  if (apiKeys.some((key) => key.trim() === '')) throw new Error('an API key is empty: remove it from the configuration')
  const known = apiKeys.map(digest)
  return (headers) => {
    if (known.length === 0) return undefined
    const bearer = /^Bearer +(\S+)$/i.exec(headers.authorization?.trim() ?? '')?.[1]
    const given = [bearer, headers['x-api-key']].filter((key) => typeof key === 'string').map(digest)
    if (given.length === 0) throw authenticationError('a key is needed: x-api-key, or authorization: Bearer')
    // Every key is compared, and digests have one length: the time taken says nothing.
    const matches = known.map((key) => given.filter((other) => timingSafeEqual(key, other)).length > 0)
    if (!matches.includes(true)) throw authenticationError('the key is not known here')
    return apiKeys[matches.indexOf(true)]
  }
}

const digest = (key: string) => createHash('sha256').update(key).digest()

/**
 * The id under which a key appears where changes are ascribed to it: always the same for the same key. It is in answers,
 * so it is made to be as hard to guess from as can be had.
 */
export function apiKeyId(key: string): string {
  return idFrom('apiKey', scryptSync(key, 'holdfast api key id', 16).toString('hex'))
}
