/** Token accounting. Source: spec §9.5, §14.2. */
import type { Money } from './prices.ts'

/** Tokens of one model request, as `span.model_request_end` reports them. */
export interface ModelUsage {
  /** Input tokens that were neither read from nor written to the cache. */
  input_tokens: number
  output_tokens: number
  cache_creation_input_tokens: number
  cache_read_input_tokens: number
  speed?: 'standard' | 'fast'
}

/** Cumulative usage of a session. */
export interface SessionUsage {
  input_tokens: number
  output_tokens: number
  cache_read_input_tokens: number
  /**
   * Sum of both cache lifetimes. Older clients read this field, newer ones `cache_creation`. Source: the chapter, spec §14.2.
   */
  cache_creation_input_tokens: number
  cache_creation: { ephemeral_5m_input_tokens: number; ephemeral_1h_input_tokens: number }
  server_tool_use: { web_search_requests: number; web_fetch_requests: number }
  /** Seconds during which the session was running or rescheduling. */
  active_seconds: number
  /** At list price; absent until a model that has one was used. Source: spec §14.2. */
  list_cost?: Money
}

/** One request's usage with the split by cache lifetime that the session's total needs. */
export interface StepUsage extends ModelUsage {
  cache_creation_1h_input_tokens?: number
}

export const noUsage = (): SessionUsage => ({
  input_tokens: 0,
  output_tokens: 0,
  cache_read_input_tokens: 0,
  cache_creation_input_tokens: 0,
  cache_creation: { ephemeral_5m_input_tokens: 0, ephemeral_1h_input_tokens: 0 },
  server_tool_use: { web_search_requests: 0, web_fetch_requests: 0 },
  active_seconds: 0,
})

/** Whether a value is what a number of tokens can be. */
export const isTokens = (value: unknown): value is number => Number.isSafeInteger(value) && (value as number) >= 0

/** In a log of before they may be anything: what the model's server said was not looked at. */
const tokensOf = (value: unknown) => (isTokens(value) ? value : 0)
const sum = (total: unknown, more: unknown) => Math.min(tokensOf(total) + tokensOf(more), Number.MAX_SAFE_INTEGER)

/** The session's usage after one more model request. */
export function addUsage(total: SessionUsage, step: StepUsage): SessionUsage {
  const written = tokensOf(step.cache_creation_input_tokens)
  const hour = Math.min(tokensOf(step.cache_creation_1h_input_tokens), written)
  const { ephemeral_5m_input_tokens, ephemeral_1h_input_tokens } = total.cache_creation
  return {
    ...total,
    input_tokens: sum(total.input_tokens, step.input_tokens),
    output_tokens: sum(total.output_tokens, step.output_tokens),
    cache_read_input_tokens: sum(total.cache_read_input_tokens, step.cache_read_input_tokens),
    cache_creation_input_tokens: sum(total.cache_creation_input_tokens, written),
    cache_creation: {
      ephemeral_5m_input_tokens: sum(ephemeral_5m_input_tokens, written - hour),
      ephemeral_1h_input_tokens: sum(ephemeral_1h_input_tokens, hour),
    },
  }
}
