import type { IncomingHttpHeaders } from 'node:http'
import type { Injection } from '../container/provider.ts'
import { anyOf } from './any-of.ts'
import { isHostIn } from './host-list.ts'

/** The secrets that a host may get. */
export function injectionsFor(host: string, injections: readonly Injection[]): Injection[] {
  return injections.filter(({ hosts }) => isHostIn(host, hosts))
}

/** Headers with the secrets in the place of their placeholders, also within Basic credentials. Source: spec §18.3. */
export function injectHeaders(headers: IncomingHttpHeaders, injections: readonly Injection[]): IncomingHttpHeaders {
  const used = injections.filter(({ header }) => header)
  if (used.length === 0) return headers
  // What a header holds are bytes, a character each.
  const swap = (value: string) => replaced(value, used, (secret) => Buffer.from(secret).toString('latin1'))
  const inValue = (value: string) => basic(value, (pair) => replaced(pair, used, (secret) => secret)) ?? swap(value)
  return Object.fromEntries(
    Object.entries(headers).map(([name, value]) => [
      name,
      Array.isArray(value) ? value.map(inValue) : value && inValue(value),
    ]),
  )
}

/** A whole body with the secrets in the place of their placeholders, written as its type asks for. */
export function injectBody(body: Buffer, contentType: string | undefined, injections: readonly Injection[]): Buffer {
  const used = injections.filter(({ body }) => body)
  const encode = encodingOf(contentType)
  const text = body.toString('latin1')
  const changed = replaced(text, used, (secret) => Buffer.from(encode(secret)).toString('latin1'))
  return changed === text ? body : Buffer.from(changed, 'latin1')
}

/** In one pass: a secret may hold what looks like a placeholder. */
function replaced(text: string, injections: readonly Injection[], encode: (secret: string) => string): string {
  const byPlaceholder = new Map(injections.map(({ placeholder, secret }) => [placeholder, secret]))
  if (![...byPlaceholder.keys()].some((placeholder) => text.includes(placeholder))) return text
  return text.replace(anyOf(byPlaceholder.keys()), (placeholder) => encode(byPlaceholder.get(placeholder)!))
}

/** Changes what user and password of `Basic …` are; undefined when it is none, or nothing changes. */
function basic(value: string, change: (pair: string) => string): string | undefined {
  const [, scheme, encoded] = /^(basic +)([A-Za-z0-9+/=]+)$/i.exec(value) ?? []
  if (!scheme || !encoded) return undefined
  const pair = Buffer.from(encoded, 'base64').toString('utf8')
  const changed = change(pair)
  return changed === pair ? undefined : scheme + Buffer.from(changed).toString('base64')
}

function encodingOf(contentType = ''): (secret: string) => string {
  if (/^application\/([\w.+-]*\+)?json\b/i.test(contentType)) return (secret) => JSON.stringify(secret).slice(1, -1)
  if (/^application\/x-www-form-urlencoded\b/i.test(contentType)) return encodeURIComponent
  return (secret) => secret
}
