import type { SessionEvent } from '../../protocol/events.ts'
import type { UrlSources } from '../../protocol/web-tools.ts'

/** A URL in running text; what closes a sentence or a bracket is none of it. */
const inText = /\bhttps?:\/\/[^\s<>"'`\\^{}|[\]]+/gi

/** Two spellings of one page. */
export const pageOf = (url: URL): string => {
  const page = new URL(url)
  page.hash = ''
  return page.href
}

/**
 * The pages that a session's conversation names in the sources that its agent may fetch from. A source that is not named
 * counts whole. Source: spec §3.4.
 */
export function namedPages(events: Iterable<SessionEvent>, sources: UrlSources): Set<string> {
  const pages = new Set<string>()
  const names = new Map<string, string>()
  const take = (content: unknown) => {
    for (const url of urlsIn(textOf(content))) pages.add(pageOf(url))
  }
  for (const event of events) {
    if (event.type === 'user.message' && sources.user_input?.type !== 'none') take(event.content)
    if (event.type === 'agent.tool_use' || event.type === 'agent.custom_tool_use') names.set(event.id, event.name)
    if (event.type === 'agent.tool_result') {
      const name = names.get(event.tool_use_id)
      if (name?.startsWith('web_') && isNamed(name, sources.server_tool_results)) take(event.content)
    }
    if (event.type === 'user.custom_tool_result') {
      const name = names.get(event.custom_tool_use_id)
      if (name !== undefined && isNamed(name, sources.client_tool_results)) take(event.content)
    }
  }
  return pages
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

function trimmed(found: string): string {
  const end = found.replace(/[.,;:!?*_~]+$/, '')
  const count = (bracket: string) => end.split(bracket).length
  // A closing bracket that was opened before the URL.
  return end.endsWith(')') && count(')') > count('(') ? trimmed(end.slice(0, -1)) : end
}
