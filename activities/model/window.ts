import { modelInfo } from '../../protocol/models.ts'
import type { ModelResponse } from './provider.ts'

/** Of the window: beyond this a request leaves too little room for what tools return. */
const share = 0.8

/**
 * Whether the next request could be too long for the model's window, which holds prompt and reply together.
 * @param limit tokens that replace what is known of the model
 */
export function isNearWindow(model: string, { usage, stop_reason }: ModelResponse, limit?: number): boolean {
  if (stop_reason === 'model_context_window_exceeded') return true
  const { contextWindow, maxOutputTokens } = modelInfo(model)
  const tokens =
    usage.input_tokens + usage.cache_read_input_tokens + usage.cache_creation_input_tokens + usage.output_tokens
  return tokens >= (limit ?? Math.min(contextWindow * share, contextWindow * 0.95 - maxOutputTokens))
}
