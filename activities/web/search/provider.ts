import type { DomainLists, WebSearchSettings } from '../../../protocol/web-tools.ts'

export interface Hit {
  title: string
  url: string
  snippet: string
  /** When it was published, as the provider says it. */
  age?: string
}

export interface SearchQuery extends DomainLists {
  text: string
  userLocation?: WebSearchSettings['user_location']
  signal: AbortSignal
}

/** Where searches go. */
export interface SearchProvider {
  /** @throws SearchFailed */
  search(query: SearchQuery): Promise<Hit[]>
}

/** A search brought nothing; the message has neither the key nor the address. */
export class SearchFailed extends Error {
  override readonly name = 'SearchFailed'
}

/** Hits asked of a provider. */
export const hitsWanted = 10
