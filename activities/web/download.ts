import type { OutgoingHttp } from '../egress/outgoing-http.ts'

export interface Downloaded {
  /** Where it was in the end. */
  url: URL
  /** Without parameters, lower case. */
  mediaType: string
  /** As the server names it. */
  charset?: string
  body: Buffer
  /** The rest was not read. */
  isCut: boolean
}

/** Why a page cannot be had. Codes as the Messages API's web fetch tool has them. */
export class FetchRefused extends Error {
  override readonly name = 'FetchRefused'
  readonly code: 'url_not_allowed' | 'url_not_accessible' | 'unsupported_content_type'
  constructor(code: FetchRefused['code'], message: string) {
    super(message)
    this.code = code
  }
}

export interface DownloadOptions {
  http: OutgoingHttp
  /** Asked for every address on the way. @throws FetchRefused */
  check: (url: URL) => void
  /** Bytes after which no more is read. */
  mostBytes: number
  signal: AbortSignal
}

const mostRedirects = 10
const redirects = new Set([301, 302, 303, 307, 308])

/** @throws FetchRefused, AddressRefused, or what the connection throws */
export async function download(from: URL, { http, check, mostBytes, signal }: DownloadOptions): Promise<Downloaded> {
  let url = from
  for (let hops = 0; hops <= mostRedirects; hops++) {
    check(url)
    const response = await http.fetch(url, {
      // By hand, so that every step is checked.
      redirect: 'manual',
      headers: {
        accept: 'text/html, text/markdown, text/plain, application/json, application/pdf, image/*;q=0.8, */*;q=0.5',
        'accept-language': 'en, *;q=0.5',
        'user-agent': 'Holdfast web_fetch',
      },
      signal,
    })
    const location = response.headers.get('location')
    if (redirects.has(response.status) && location !== null) {
      await response.body?.cancel()
      const next = URL.parse(location, url.href)
      if (!next) throw new FetchRefused('url_not_accessible', `${url.href} redirects to what is no URL`)
      url = next
      continue
    }
    if (!response.ok) {
      await response.body?.cancel()
      throw new FetchRefused(
        'url_not_accessible',
        `${url.href} answered ${response.status} ${response.statusText}`.trim(),
      )
    }
    const [mediaType = '', ...parameters] = (response.headers.get('content-type') ?? '').split(';')
    const charset = parameters.map((part) => /^\s*charset="?([^";]+)/i.exec(part)?.[1]).find(Boolean)
    return {
      url,
      mediaType: mediaType.trim().toLowerCase(),
      ...(charset && { charset: charset.trim() }),
      ...(await read(response.body, mostBytes)),
    }
  }
  throw new FetchRefused('url_not_accessible', `${from.href} redirects more than ${mostRedirects} times`)
}

async function read(stream: AsyncIterable<Uint8Array> | null, most: number): Promise<{ body: Buffer; isCut: boolean }> {
  const parts: Uint8Array[] = []
  let size = 0
  for await (const part of stream ?? []) {
    parts.push(part)
    size += part.length
    // Leaving the loop ends the transfer.
    if (size > most) return { body: Buffer.concat(parts).subarray(0, most), isCut: true }
  }
  return { body: Buffer.concat(parts), isCut: false }
}
