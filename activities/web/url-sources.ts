import type { SessionEvent } from '../../protocol/events.ts'
import type { UrlSources } from '../../protocol/web-tools.ts'

/** A URL in running text; what closes a sentence or a bracket is none of it. */
const inText = /\bhttps?:\/\/[^\s<>"'`\\^{}|[\]]+/gi

/** Two spellings of one page. */
const pageOf = (url: URL): string => {
  const page = new URL(url)
  page.hash = ''
  return page.href
}

/**
 * The pages that a session's conversation names in the sources that its agent may fetch from. A source that is not named
 * counts whole. Source: spec §3.4.
 */
export class NamedPages {
  readonly #sources: UrlSources
  readonly #pages = new Set<string>()
  /** Of tools whose result has not come. */
  readonly #names = new Map<string, string>()

  constructor(sources: UrlSources) {
    this.#sources = sources
  }

  has(url: URL): boolean {
    return this.#pages.has(pageOf(url))
  }

  /** Takes the next event of the log; one that was taken before changes nothing. */
  take(event: SessionEvent): void {
    const { user_input, server_tool_results, client_tool_results } = this.#sources
    if (event.type === 'user.message' && user_input?.type !== 'none') this.#add(event.content)
    if (event.type === 'agent.tool_use' || event.type === 'agent.custom_tool_use') this.#names.set(event.id, event.name)
    if (event.type === 'agent.tool_result') {
      const name = this.#nameOf(event.tool_use_id)
      if (name?.startsWith('web_') && isNamed(name, server_tool_results)) this.#add(event.content)
    }
    if (event.type === 'user.custom_tool_result') {
      const name = this.#nameOf(event.custom_tool_use_id)
      if (name !== undefined && isNamed(name, client_tool_results)) this.#add(event.content)
    }
  }

  #nameOf(toolUseId: string): string | undefined {
    const name = this.#names.get(toolUseId)
    this.#names.delete(toolUseId)
    return name
  }

  #add(content: unknown): void {
    for (const url of urlsIn(textOf(content))) this.#pages.add(pageOf(url))
  }
}

function isNamed(name: string, filter: UrlSources['server_tool_results']): boolean {
  if (filter === null || filter.type === 'all') return true
  if (filter.type === 'none') return false
  return filter.tools.some((tool) => tool.name === name) === (filter.type === 'only')
}

function textOf(content: unknown): string {
  if (typeof content === 'string') return content
  if (!Array.isArray(content)) return ''
  return content.map((block: { text?: unknown }) => (typeof block.text === 'string' ? block.text : '')).join('\n')
}

function urlsIn(text: string): URL[] {
  return [...text.matchAll(inText)].flatMap(([found]) => {
    const url = URL.parse(trimmed(found))
    return url ? [url] : []
  })
}

/** In one pass, however long it is: texts come from outside. */
function trimmed(found: string): string {
  // Closing brackets that were opened before the URL.
  let strays = found.split(')').length - found.split('(').length
  let end = found.length
  for (; end > 0; end--) {
    const last = found[end - 1]!
    if (last === ')' && strays > 0) strays--
    else if (!'.,;:!?*_~'.includes(last)) break
  }
  return found.slice(0, end)
}
