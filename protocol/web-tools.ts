/** Options of the built-in web tools. Source: spec §3.4. */
import { z } from 'zod'
import { invalidRequest } from './errors.ts'

/** Names that belong to no public site. */
const privateSuffixes = ['localhost', 'local', 'internal', 'localdomain', 'invalid']
const label = /^[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?$/

/** Why this is no host name that a web tool can be limited to, or undefined when it is one. */
function hostProblem(host: string): string | undefined {
  if (host.includes('*')) return 'wildcards are not allowed; an entry covers its subdomains'
  if (/[:@\s]/.test(host)) return 'must be a plain host name, without scheme, port, credentials or spaces'
  const labels = host.split('.')
  if (labels.length < 2) return 'must be a full host name such as docs.example.com'
  if (!labels.every((part) => label.test(part))) return 'must be an ASCII host name such as docs.example.com'
  const last = labels.at(-1)!.toLowerCase()
  if (/^\d+$/.test(last)) return 'an IP address is not allowed'
  if (privateSuffixes.includes(last)) return `.${last} names no public site`
  return undefined
}

function domains({ paths }: { paths: boolean }) {
  const entry = z
    .string()
    .min(1)
    .max(255)
    .superRefine((text, context) => {
      const slash = text.indexOf('/')
      const host = slash < 0 ? text : text.slice(0, slash)
      const path = slash < 0 ? '' : text.slice(slash)
      const problem =
        path && !(paths && /^[\x21-\x7e]+$/.test(path) && !text.includes('://'))
          ? 'must be a plain host name, without scheme or path'
          : hostProblem(host)
      if (problem) context.addIssue({ code: 'custom', message: problem })
    })
  return z
    .array(entry)
    .min(1, 'an empty list is not allowed: leave it out')
    .max(64)
    .superRefine(refuseRepeated)
    .nullish()
}

function refuseRepeated(list: string[], context: z.RefinementCtx): void {
  const seen = new Set<string>()
  for (const [index, text] of list.entries()) {
    const key = text.toLowerCase()
    if (seen.has(key)) context.addIssue({ code: 'custom', path: [index], message: `"${text}" is listed twice` })
    seen.add(key)
  }
}

const source = z.enum(['all', 'none'])
const simpleSource = z.union([source, z.strictObject({ type: source })])
const toolReference = z.strictObject({ type: z.literal('tool_reference'), name: z.string().min(1).max(128) })
const toolList = z.strictObject({
  type: z.enum(['only', 'except']),
  tools: z
    .array(toolReference)
    .min(1)
    .max(128)
    .refine((tools) => new Set(tools.map((tool) => tool.name)).size === tools.length, 'a tool is listed twice'),
})
const toolFilter = z.union([simpleSource, toolList])
const urlSources = z.strictObject({
  user_input: simpleSource.nullish(),
  server_tool_results: toolFilter.nullish(),
  client_tool_results: toolFilter.nullish(),
})

const userLocation = z.strictObject({
  type: z.literal('approximate'),
  city: z.string().max(255).nullish(),
  region: z.string().max(255).nullish(),
  country: z.string().refine(isCountry, 'must be an ISO 3166-1 country code of two upper-case letters').nullish(),
  timezone: z.string().refine(isTimezone, 'must be an IANA time zone such as Europe/Berlin').nullish(),
})

export const webFetchOptions = {
  allowed_domains: domains({ paths: false }),
  blocked_domains: domains({ paths: false }),
  max_content_tokens: z.int().min(1).nullish(),
  url_sources: urlSources.nullish(),
}
export const webSearchOptions = {
  allowed_domains: domains({ paths: true }),
  blocked_domains: domains({ paths: true }),
  user_location: userLocation.nullish(),
}

type Source = { type: 'all' } | { type: 'none' }
type ToolFilter = Source | z.output<typeof toolList>
export interface UrlSources {
  user_input: Source | null
  server_tool_results: ToolFilter | null
  client_tool_results: ToolFilter | null
}
export interface DomainLists {
  allowed_domains?: string[]
  blocked_domains?: string[]
}
export interface WebFetchSettings extends DomainLists {
  max_content_tokens?: number
  url_sources: UrlSources | null
}
export interface WebSearchSettings extends DomainLists {
  user_location?: z.output<typeof userLocation>
}

type WebFetchInput = z.output<z.ZodObject<typeof webFetchOptions>>
type WebSearchInput = z.output<z.ZodObject<typeof webSearchOptions>>

/** @param customTools names of the custom tools beside the toolset */
export function resolveWebFetch(
  input: WebFetchInput,
  customTools: ReadonlySet<string>,
  where: string,
): WebFetchSettings {
  return {
    ...resolveDomains(input, where),
    ...(input.max_content_tokens != null && { max_content_tokens: input.max_content_tokens }),
    url_sources: input.url_sources ? resolveUrlSources(input.url_sources, customTools, `${where}.url_sources`) : null,
  }
}

export function resolveWebSearch(input: WebSearchInput, where: string): WebSearchSettings {
  return { ...resolveDomains(input, where), ...(input.user_location && { user_location: input.user_location }) }
}

function resolveDomains(input: Pick<WebFetchInput, 'allowed_domains' | 'blocked_domains'>, where: string): DomainLists {
  if (input.allowed_domains && input.blocked_domains) {
    throw invalidRequest(`${where}: allowed_domains and blocked_domains are mutually exclusive`)
  }
  return {
    ...(input.allowed_domains && { allowed_domains: input.allowed_domains }),
    ...(input.blocked_domains && { blocked_domains: input.blocked_domains }),
  }
}

function resolveUrlSources(
  input: NonNullable<WebFetchInput['url_sources']>,
  customTools: ReadonlySet<string>,
  where: string,
): UrlSources {
  const sources: UrlSources = {
    user_input: objectForm(input.user_input),
    server_tool_results: objectForm(input.server_tool_results),
    client_tool_results: objectForm(input.client_tool_results),
  }
  if (Object.values(sources).every((entry) => entry?.type === 'none')) {
    throw invalidRequest(`${where}: not all three sources can be "none"; disable web_fetch instead`)
  }
  checkNames(sources.server_tool_results, new Set(['web_search', 'web_fetch']), `${where}.server_tool_results`)
  checkNames(sources.client_tool_results, customTools, `${where}.client_tool_results`)
  return sources
}

function objectForm<T extends { type: string }>(value: 'all' | 'none' | T | null | undefined): T | Source | null {
  if (value == null) return null
  return typeof value === 'string' ? { type: value } : value
}

function checkNames(filter: ToolFilter | null, known: ReadonlySet<string>, where: string): void {
  if (!filter || !('tools' in filter)) return
  for (const [index, { name }] of filter.tools.entries()) {
    if (!known.has(name)) throw invalidRequest(`${where}.tools.${index}.name: "${name}" is no tool of this kind`)
  }
}

function isCountry(code: string): boolean {
  if (!/^[A-Z]{2}$/.test(code)) return false
  return new Intl.DisplayNames('en', { type: 'region', fallback: 'none' }).of(code) !== undefined
}

function isTimezone(name: string): boolean {
  // Offsets such as +01:00 are no names, though Intl takes them.
  if (!/^[A-Za-z]/.test(name)) return false
  try {
    new Intl.DateTimeFormat('en', { timeZone: name })
    return true
  } catch {
    return false
  }
}
