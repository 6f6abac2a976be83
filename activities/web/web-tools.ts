import { z } from 'zod'
import type { Cursor } from '../../log/cursor.ts'
import type { SessionLogs } from '../../log/session-logs.ts'
import type { RunToolInput, ToolResult } from '../../protocol/contract.ts'
import type { SessionAgent } from '../../protocol/sessions.ts'
import { builtinConfig } from '../../protocol/tools.ts'
import type { UrlSources, WebFetchSettings, WebSearchSettings } from '../../protocol/web-tools.ts'
import { AddressPolicy, AddressRefused } from '../egress/address-policy.ts'
import { OutgoingHttp } from '../egress/outgoing-http.ts'
import type { OutsideResult } from '../large-results.ts'
import { isAllowedPage } from './domains.ts'
import { download, FetchRefused } from './download.ts'
import { pageContent } from './page-content.ts'
import { SearchFailed, type SearchProvider } from './search/provider.ts'
import { NamedPages } from './url-sources.ts'

export interface WebToolsOptions {
  logs: SessionLogs
  /** Private hosts that may be reached all the same. */
  allowPrivate: readonly string[]
  /** Without one there is no `web_search`. */
  search?: SearchProvider
  /** Milliseconds that a page may take to come; half of that to be read. @default 30000 */
  fetchMs?: number
}

/** Bytes of a page that are read. */
const mostBytes = 10 * 1024 * 1024
/** Sessions of which is kept what they have named. */
const mostNamed = 200
const fetchInput = z.object({ url: z.string().max(2048) })
const searchInput = z.object({ query: z.string().trim().min(1).max(400) })

/** The pages of a log up to a place. */
interface Named {
  pages: NamedPages
  after: Cursor | undefined
}

/**
 * The tools that reach the web. They run in the worker and not in the container: what the environment's network allows
 * is nothing to them, but private addresses are out of reach here too. To call one again changes nothing, so a call
 * that a lost worker leaves behind is just repeated. Source: spec §3.4.
 */
export class WebTools {
  /** Names of the tools that there are. */
  readonly names: ReadonlySet<string>
  readonly #options: WebToolsOptions
  readonly #http: OutgoingHttp
  readonly #fetchMs: number
  readonly #named = new Map<string, Named>()

  constructor(options: WebToolsOptions) {
    this.#options = options
    this.#fetchMs = options.fetchMs ?? 30_000
    this.names = new Set(['web_fetch', ...(options.search ? ['web_search'] : [])])
    this.#http = new OutgoingHttp(new AddressPolicy({ allowPrivate: options.allowPrivate }))
  }

  /** Never throws for what is at the other end. */
  async call(sessionId: string, agent: SessionAgent, call: RunToolInput, signal: AbortSignal): Promise<OutsideResult> {
    return call.name === 'web_fetch'
      ? this.#fetch(sessionId, agent, call.input, signal)
      : this.#search(agent, call.input, signal)
  }

  async close(): Promise<void> {
    await this.#http.close()
  }

  async #fetch(
    sessionId: string,
    { tools }: SessionAgent,
    input: unknown,
    signal: AbortSignal,
  ): Promise<OutsideResult> {
    const given = fetchInput.safeParse(input)
    const url = given.success ? URL.parse(given.data.url) : null
    if (!url || !/^https?:$/.test(url.protocol) || url.username || url.password) {
      return failed('invalid_tool_input: `url` must be an http: or https: URL without credentials')
    }
    const settings = (builtinConfig(tools, 'web_fetch') ?? {}) as Partial<WebFetchSettings>
    const limit = AbortSignal.timeout(this.#fetchMs)
    try {
      if (settings.url_sources) await this.#checkSource(sessionId, url, settings.url_sources)
      const check = (step: URL) => {
        if (!/^https?:$/.test(step.protocol) || !isAllowedPage(step, settings)) {
          throw new FetchRefused(
            'url_not_allowed',
            `${step.host} is none of the domains that this agent may fetch from`,
          )
        }
      }
      const downloaded = await download(url, {
        http: this.#http,
        check,
        mostBytes,
        signal: AbortSignal.any([signal, limit]),
      })
      const page = await pageContent(downloaded, {
        now: new Date(),
        patienceMs: this.#fetchMs / 2,
        signal,
        ...(settings.max_content_tokens && { maxTokens: settings.max_content_tokens }),
      })
      return { ...page, is_error: false, outcome: 'done' }
    } catch (error) {
      if (signal.aborted) return { ...failed('The call was interrupted.'), outcome: 'interrupted' }
      return failed(explain(url, error))
    }
  }

  async #checkSource(sessionId: string, url: URL, sources: UrlSources): Promise<void> {
    const key = JSON.stringify([sessionId, sources])
    const named: Named = this.#named.get(key) ?? { pages: new NamedPages(sources), after: undefined }
    this.#named.delete(key)
    this.#named.set(key, named)
    if (this.#named.size > mostNamed) this.#named.delete(this.#named.keys().next().value!)
    const log = this.#options.logs.get(sessionId)
    for await (const { cursor, event } of log.list({ order: 'asc', ...(named.after && { after: named.after }) })) {
      named.pages.take(event)
      // One that waits gets its place when it is processed.
      if (event.processed_at !== null) named.after = cursor
    }
    if (named.pages.has(url)) return
    throw new FetchRefused(
      'url_not_allowed',
      `${url.href} is not named in the sources that this agent may take URLs from (url_sources)`,
    )
  }

  async #search({ tools }: SessionAgent, input: unknown, signal: AbortSignal): Promise<ToolResult> {
    const { search } = this.#options
    const given = searchInput.safeParse(input)
    if (!given.success) return failed('invalid_tool_input: `query` must be a text of 1 to 400 characters')
    if (!search) return failed('unavailable: no search provider is configured (web.search in temporal.config.ts)')
    const { user_location, ...lists } = (builtinConfig(tools, 'web_search') ?? {}) as Partial<WebSearchSettings>
    try {
      const hits = await search.search({
        text: given.data.query,
        ...(lists.allowed_domains && { allowed_domains: lists.allowed_domains }),
        ...(lists.blocked_domains && { blocked_domains: lists.blocked_domains }),
        ...(user_location && { userLocation: user_location }),
        signal,
      })
      const shown = hits.filter(({ url }) => URL.canParse(url) && isAllowedPage(new URL(url), lists))
      const lines = shown.map(({ title, url, snippet, age }, index) =>
        [`${index + 1}. ${title}${age ? ` (${age})` : ''}`, `   ${url}`, `   ${plain(snippet)}`].join('\n'),
      )
      return { content: [{ type: 'text', text: lines.join('\n\n') || 'no results' }], is_error: false, outcome: 'done' }
    } catch (error) {
      if (signal.aborted) return { ...failed('The call was interrupted.'), outcome: 'interrupted' }
      if (error instanceof SearchFailed) return failed(`unavailable: ${error.message}`)
      throw error
    }
  }
}

const failed = (text: string): ToolResult => ({ content: [{ type: 'text', text }], is_error: true, outcome: 'done' })

/** Snippets come with marks of what was found. */
const plain = (snippet: string) =>
  snippet
    .replace(/<\/?[a-z][^<>]*>/gi, '')
    .replace(/\s+/g, ' ')
    .trim()

function explain(url: URL, error: unknown): string {
  if (error instanceof FetchRefused) return `${error.code}: ${error.message}`
  const cause = error instanceof Error ? error.cause : undefined
  const refused = [error, cause].find((each) => each instanceof AddressRefused)
  if (refused) return `url_not_allowed: ${(refused as Error).message}`
  if ((error as Error).name === 'TimeoutError') return `url_not_accessible: ${url.host} took too long`
  const reason = (cause as NodeJS.ErrnoException | undefined)?.code ?? (error as Error).message
  return `url_not_accessible: ${url.host} cannot be read (${reason})`
}
