import type { IncomingHttpHeaders, IncomingMessage } from 'node:http'
import { PassThrough, type Readable } from 'node:stream'
import { injectBody, injectHeaders } from '../../egress/inject.ts'
import type { Injection } from '../provider.ts'

/** Bytes of a body in which placeholders are replaced; a longer one goes out as it is. */
export const longestBody = 1024 * 1024

/** What of a request goes out, with the secrets in the place of their placeholders. */
export async function injected(
  request: IncomingMessage,
  headers: IncomingHttpHeaders,
  injections: Injection[],
): Promise<{ headers: IncomingHttpHeaders; body?: Readable }> {
  const changed = injectHeaders(headers, injections)
  if (!injections.some(({ body }) => body) || !mayHold(headers)) return { headers: changed }
  const { begun, isWhole } = await begin(request)
  if (!isWhole) return { headers: changed, body: continued(begun, request) }
  const body = injectBody(begun, headers['content-type'], injections)
  const { 'content-length': length, ...rest } = changed
  // Also where it was not known before: the whole of it is here.
  const hasBody = length !== undefined || begun.length > 0
  return { headers: { ...rest, ...(hasBody && { 'content-length': `${body.length}` }) }, body: continued(body) }
}

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
  body.write(begun)
  if (!rest) return body.end()
  rest.on('error', (error) => body.destroy(error))
  return rest.pipe(body)
}
