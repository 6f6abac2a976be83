import { z } from 'zod'
import { type Hit, hitsWanted, SearchFailed, type SearchProvider, type SearchQuery } from './provider.ts'

/** A provider as `temporal.config.ts` has it. */
export type SearchSetting =
  | { provider: 'searxng'; url: string }
  | { provider: 'brave' | 'tavily'; url?: string /** Name of an environment variable. */; key: string }

/** Milliseconds that a provider may take. */
const patienceMs = 20_000
const text = z.string().catch('')
const date = z.string().nullish().catch(null)

/**
 * The configured provider with its key.
 * @throws Error that names the setting
 */
export function openSearch(setting: SearchSetting, env: NodeJS.ProcessEnv): SearchProvider {
  if (setting.provider === 'searxng') return searxng(setting.url)
  const key = env[setting.key]
  if (!key) throw new Error(`web.search.key: the environment variable ${setting.key} is not set`)
  return setting.provider === 'brave'
    ? brave(setting.url ?? 'https://api.search.brave.com/res/v1/web/search', key)
    : tavily(setting.url ?? 'https://api.tavily.com/search', key)
}

/** A SearXNG of the operator's own, with `json` among its formats. */
function searxng(base: string): SearchProvider {
  const answer = z.object({
    results: z.array(z.object({ title: text, url: z.string(), content: text, publishedDate: date })),
  })
  return {
    async search(query) {
      const url = new URL('search', base.endsWith('/') ? base : `${base}/`)
      url.searchParams.set('q', limited(query))
      url.searchParams.set('format', 'json')
      const { results } = await ask(url, {}, answer, query.signal)
      return results.map(({ title, url, content, publishedDate }) => hit(title, url, content, publishedDate))
    },
  }
}

function brave(base: string, key: string): SearchProvider {
  const result = z.object({ title: text, url: z.string(), description: text, age: date })
  const answer = z.object({ web: z.object({ results: z.array(result) }).nullish() })
  return {
    async search(query) {
      const url = new URL(base)
      url.searchParams.set('q', limited(query))
      url.searchParams.set('count', String(hitsWanted))
      if (query.userLocation?.country) url.searchParams.set('country', query.userLocation.country)
      const headers = { accept: 'application/json', 'x-subscription-token': key }
      const { web } = await ask(url, { headers }, answer, query.signal)
      return (web?.results ?? []).map(({ title, url, description, age }) => hit(title, url, description, age))
    },
  }
}

function tavily(base: string, key: string): SearchProvider {
  const result = z.object({ title: text, url: z.string(), content: text, published_date: date })
  const answer = z.object({ results: z.array(result) })
  return {
    async search({ text: query, allowed_domains, blocked_domains, signal }) {
      const hosts = (list: string[] | undefined) => list?.map((entry) => entry.split('/')[0]!)
      const body = {
        query,
        max_results: hitsWanted,
        ...(allowed_domains && { include_domains: hosts(allowed_domains) }),
        // A part of a host cannot be left out there: such hits are dropped later.
        ...(blocked_domains && { exclude_domains: blocked_domains.filter((entry) => !entry.includes('/')) }),
      }
      const headers = { 'content-type': 'application/json', authorization: `Bearer ${key}` }
      const init = { method: 'POST', headers, body: JSON.stringify(body) }
      const { results } = await ask(new URL(base), init, answer, signal)
      return results.map(({ title, url, content, published_date }) => hit(title, url, content, published_date))
    },
  }
}

/** Engines take domains as operators of the query; a few, for queries have an end. */
function limited({ text, allowed_domains }: SearchQuery): string {
  if (!allowed_domains) return text
  const sites = allowed_domains.slice(0, 8).map((domain) => `site:${domain}`)
  return `${text} ${sites.length > 1 ? `(${sites.join(' OR ')})` : sites[0]}`
}

const hit = (title: string, url: string, snippet: string, age: string | null | undefined): Hit => ({
  title,
  url,
  snippet,
  ...(age && { age }),
})

async function ask<Answer>(
  url: URL,
  init: RequestInit,
  schema: z.ZodType<Answer>,
  signal: AbortSignal,
): Promise<Answer> {
  let response: Response
  try {
    // The operator named the address: it may be a private one.
    response = await fetch(url, {
      ...init,
      redirect: 'error',
      signal: AbortSignal.any([signal, AbortSignal.timeout(patienceMs)]),
    })
  } catch (error) {
    signal.throwIfAborted()
    const code = ((error as Error).cause as NodeJS.ErrnoException | undefined)?.code ?? (error as Error).name
    throw new SearchFailed(`the search provider cannot be reached (${code})`)
  }
  if (!response.ok) {
    await response.body?.cancel()
    throw new SearchFailed(`the search provider answered ${response.status}`)
  }
  const read = schema.safeParse(await response.json().catch(() => undefined))
  if (!read.success) throw new SearchFailed('the search provider answered what is not understood')
  return read.data
}
