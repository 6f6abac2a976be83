import type { IncomingHttpHeaders, IncomingMessage } from 'node:http'
import { PassThrough, type Readable } from 'node:stream'
import { concealInHeaders, concealing, type Echo, echoesOf, isReadable } from '../../egress/conceal.ts'
import { injectBody, injectHeaders } from '../../egress/inject.ts'
import type { Injection } from '../provider.ts'
import type { Onward } from './exchange.ts'

/** Bytes of a body in which placeholders are replaced; a longer one goes out as it is. */
export const longestBody = 1024 * 1024

type Changes = Pick<Onward, 'headers' | 'body' | 'answered' | 'through'>

/** What of a request goes out, with the secrets in the place of their placeholders, and how the answer comes back. */
export async function injected(
  request: IncomingMessage,
  headers: IncomingHttpHeaders,
  injections: Injection[],
): Promise<Changes> {
  const changes = injectedHead(headers, injections)
  if (!injections.some(({ body }) => body) || !mayHold(headers)) return changes
  const { begun, isWhole } = await begin(request)
  if (!isWhole) return { ...changes, body: continued(begun, request) }
  const body = injectBody(begun, headers['content-type'], injections)
  const { 'content-length': length, ...rest } = changes.headers
  // Also where it was not known before: the whole of it is here.
  const hasBody = length !== undefined || begun.length > 0
  return {
    ...changes,
    headers: { ...rest, ...(hasBody && { 'content-length': `${body.length}` }) },
    body: continued(body),
  }
}

/** The same of a request whose body is left alone. */
export function injectedHead(headers: IncomingHttpHeaders, injections: Injection[]): Changes {
  if (injections.length === 0) return { headers }
  const changed = injectHeaders(headers, injections)
  const echoes = [...echoesOf(injections), ...encodedEchoes(headers, changed)]
  return {
    // What is compressed could not be looked through.
    headers: { ...changed, 'accept-encoding': 'identity' },
    answered: (answer) => concealInHeaders(answer, echoes),
    through: (answer) => (isReadable(answer) ? concealing(echoes) : undefined),
  }
}

/** Basic credentials, in which the secret cannot be seen. */
function encodedEchoes(before: IncomingHttpHeaders, after: IncomingHttpHeaders): Echo[] {
  return Object.entries(after).flatMap(([name, value]) => {
    const shown = before[name]
    if (typeof value !== 'string' || typeof shown !== 'string' || value === shown) return []
    return /^basic /i.test(value) ? [[withoutScheme(value), withoutScheme(shown)] satisfies Echo] : []
  })
}

const withoutScheme = (value: string) => value.slice('basic '.length).trim()

/** What is compressed or too long holds none that could be found. */
function mayHold(headers: IncomingHttpHeaders): boolean {
  const encoding = headers['content-encoding'] ?? 'identity'
  return encoding === 'identity' && Number(headers['content-length'] ?? 0) <= longestBody
}

/** Reads the body, at most a little more than may be changed. */
async function begin(request: IncomingMessage): Promise<{ begun: Buffer; isWhole: boolean }> {
  const parts: Buffer[] = []
  let size = 0
  // Not destroyed by leaving the loop: the rest is read later.
  for await (const part of request.iterator({ destroyOnReturn: false })) {
    parts.push(part)
    size += part.length
    if (size > longestBody) return { begun: Buffer.concat(parts), isWhole: false }
  }
  return { begun: Buffer.concat(parts), isWhole: true }
}

function continued(begun: Buffer, rest?: Readable): Readable {
  const body = new PassThrough()
  // Who is to read it may never begin to: then nobody else hears that it failed.
  body.on('error', () => {})
  body.write(begun)
  if (!rest) return body.end()
  rest.on('error', (error) => body.destroy(error))
  return rest.pipe(body)
}
