import type { DomainLists } from '../../protocol/web-tools.ts'

/** Whether a page may be had: lists name hosts with everything below them, and, for searches, beginnings of paths. Source: spec §3.4. */
export function isAllowedPage(url: URL, { allowed_domains, blocked_domains }: DomainLists): boolean {
  const isNamed = (entry: string) => covers(entry, url)
  if (allowed_domains) return allowed_domains.some(isNamed)
  return !blocked_domains?.some(isNamed)
}

function covers(entry: string, url: URL): boolean {
  const slash = entry.indexOf('/')
  const domain = (slash < 0 ? entry : entry.slice(0, slash)).toLowerCase()
  const path = slash < 0 ? '' : entry.slice(slash).replace(/\/$/, '')
  const host = url.hostname.toLowerCase().replace(/\.$/, '')
  if (host !== domain && !host.endsWith(`.${domain}`)) return false
  return path === '' || url.pathname === path || url.pathname.startsWith(`${path}/`)
}
