import type { ToolResultBlock } from '../../protocol/content.ts'
import { limits } from '../../protocol/limits.ts'
import { mediumOf } from '../container/supervisor/media.ts'
import { type Downloaded, FetchRefused } from './download.ts'
import { type MarkdownOptions, markdownOf, titleOf } from './markdown.ts'

/** Characters of a token, as far as a limit needs to know. */
const charactersPerToken = 4
/** Base64 characters of an image or a document. Source: the Messages API's 5 MB for an image. */
const largestMedium = 5 * 1024 * 1024

export interface PageOptions extends MarkdownOptions {
  maxTokens?: number
  now: Date
}

export interface PageContent {
  content: ToolResultBlock[]
  /** All of the text, when it is more than a tool result may have. */
  whole?: string
}

/** What the model sees of a page: text with where it is from, an image, or a document. */
export async function pageContent(
  page: Downloaded,
  { maxTokens, now, ...patience }: PageOptions,
): Promise<PageContent> {
  const head = (title?: string) =>
    [...(title ? [`Title: ${title}`] : []), `URL: ${page.url.href}`, `Retrieved: ${now.toISOString()}`].join('\n')
  const medium = mediumOf(page.body)
  if (medium) {
    const data = page.body.toString('base64')
    if (page.isCut || data.length > largestMedium) {
      throw new FetchRefused('unsupported_content_type', `${page.url.href} is too large for the conversation`)
    }
    const source = { type: 'base64' as const, media_type: medium.media_type, data }
    return { content: [{ type: 'text', text: head() }, { type: medium.type, source } as ToolResultBlock] }
  }
  if (!isText(page)) {
    throw new FetchRefused('unsupported_content_type', `${page.url.href} is ${page.mediaType || 'of an unknown type'}`)
  }
  const raw = decode(page)
  const isHtml = /html/.test(page.mediaType) || (page.mediaType === '' && /^\s*<(!doctype|html)/i.test(raw))
  const text = isHtml ? await markdownOf(raw, page.url, patience) : raw
  // What the agent's maker has bounded is not given in another way either.
  const most = (maxTokens ?? Number.POSITIVE_INFINITY) * charactersPerToken
  const isCut = page.isCut || text.length > most
  const note = isCut ? '\n\n[The page is longer; this is its beginning.]' : ''
  const above = head(isHtml ? titleOf(raw) : undefined)
  const whole = `${above}\n\n${text.slice(0, most).toWellFormed()}${note}`
  const shown = { type: 'text' as const, text: whole.slice(0, limits.toolOutputCharacters).toWellFormed() }
  return { content: [shown], ...(whole.length > shown.text.length && { whole }) }
}

function isText({ mediaType, body }: Downloaded): boolean {
  if (
    /^text\/|[/+](json|xml|yaml|javascript|x-javascript|ecmascript|toml|csv)$|^application\/(x-)?ndjson$/.test(
      mediaType,
    )
  ) {
    return true
  }
  // What names itself nothing, or just bytes, is looked at.
  return ['', 'application/octet-stream'].includes(mediaType) && !body.subarray(0, 8192).includes(0)
}

function decode({ body, charset, mediaType }: Downloaded): string {
  const declared = charset ?? (/html|xml/.test(mediaType) ? inMeta(body) : undefined)
  try {
    return new TextDecoder(declared ?? 'utf-8').decode(body)
  } catch {
    // A charset that nobody knows.
    return new TextDecoder().decode(body)
  }
}

/** What a page says of itself within its first kilobyte. Source: HTML, "prescan a byte stream". */
function inMeta(body: Buffer): string | undefined {
  const start = body.subarray(0, 1024).toString('latin1')
  return (
    /<meta[^>]+charset\s*=\s*["']?([\w.:-]+)/i.exec(start)?.[1] ??
    /<\?xml[^>]+encoding=["']([\w.:-]+)/i.exec(start)?.[1]
  )
}
