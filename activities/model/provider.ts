import type { AssistantBlock, ModelFailure } from '../../protocol/contract.ts'
import type { StopDetails } from '../../protocol/events.ts'
import type { StepUsage } from '../../protocol/usage.ts'

/** A message of the Messages API. The transcript makes them; roles alternate, each tool use is answered. */
export interface ModelMessage {
  readonly role: 'user' | 'assistant' | 'system'
  readonly content: readonly AssistantBlock[]
}

/** A tool as the Messages API takes it. */
export interface ModelTool {
  name: string
  description: string
  input_schema: Record<string, unknown>
}

/** One model request, free of any provider's own terms for caching or transport. */
export interface ModelRequest {
  model: string
  effort: 'low' | 'medium' | 'high' | 'xhigh' | 'max'
  speed: 'standard' | 'fast'
  system: string
  tools: ModelTool[]
  messages: ModelMessage[]
}

export interface ModelResponse {
  model: string
  content: AssistantBlock[]
  stop_reason: string | null
  stop_details: StopDetails | null
  usage: StepUsage
}

/** What is known while the reply is coming in. `index` is the content block's, `tool` the name in a tool use. */
export type ModelDelta =
  | { type: 'block_start'; index: number; block: string; tool?: string }
  | { type: 'text'; index: number; text: string }

export interface ModelProvider {
  /**
   * One attempt of one request, streamed.
   * @param onDelta called in order as the reply arrives
   * @param onUsage called with what is known of the usage, for a request that is cut
   * @throws ModelRequestFailed on every failure but an abort by `signal`, which rejects with the signal's reason
   */
  request(
    request: ModelRequest,
    options: { signal: AbortSignal; onDelta?: (delta: ModelDelta) => void; onUsage?: (usage: StepUsage) => void },
  ): Promise<ModelResponse>
}

/** A model request failed; `failure` says how and whether another attempt makes sense. Carries no secret. */
export class ModelRequestFailed extends Error {
  override readonly name = 'ModelRequestFailed'
  readonly failure: ModelFailure

  constructor(failure: ModelFailure, cause?: unknown) {
    super(failure.message, { cause })
    this.failure = failure
  }
}
