import Anthropic, { AnthropicError } from '@anthropic-ai/sdk'
import type { StepUsage } from '../../protocol/usage.ts'
import { buildRequest } from './build-request.ts'
import { modelFailure, StreamStalled, Unsendable } from './failures.ts'
import type { ModelDelta, ModelProvider, ModelRequest, ModelResponse } from './provider.ts'
import { Reply } from './reply.ts'
import { replyEvents } from './reply-stream.ts'

export interface AnthropicOptions {
  apiKey?: string
  /** Used when there is no `apiKey`. */
  authToken?: string
  /** @default the SDK's own */
  baseURL?: string
  /** Upper bound of `max_tokens`. @default the model's own limit */
  maxOutputTokens?: number
  /** Milliseconds without content after which a request is cut. @default 300000 */
  stallTimeoutMs?: number
}

/** Any endpoint that speaks the Anthropic Messages API. One attempt a call: retries are the workflow's. */
export class AnthropicProvider implements ModelProvider {
  readonly #client: Anthropic
  readonly #options: AnthropicOptions

  constructor(options: AnthropicOptions) {
    this.#options = options
    this.#client = new Anthropic({
      apiKey: options.apiKey ?? null,
      // The SDK refuses to have both.
      authToken: options.apiKey === undefined ? (options.authToken ?? null) : null,
      ...(options.baseURL && { baseURL: options.baseURL }),
      maxRetries: 0,
    })
  }

  async request(
    request: ModelRequest,
    {
      signal,
      onDelta,
      onUsage,
    }: { signal: AbortSignal; onDelta?: (delta: ModelDelta) => void; onUsage?: (usage: StepUsage) => void },
  ): Promise<ModelResponse> {
    signal.throwIfAborted()
    const { apiKey, authToken, maxOutputTokens, stallTimeoutMs = 300_000 } = this.#options
    const watchdog = new Watchdog(stallTimeoutMs)
    const ends = AbortSignal.any([signal, watchdog.signal])
    const reply = new Reply()
    try {
      const response = await this.#send(buildRequest(request, maxOutputTokens), ends)
      for await (const events of replyEvents(response, ends)) {
        watchdog.alive()
        for (const event of events) {
          const delta = reply.take(event)
          if (event.type === 'message_start' || event.type === 'message_delta') onUsage?.(reply.usage)
          if (delta) onDelta?.(delta)
        }
      }
      signal.throwIfAborted()
      return reply.response()
    } catch (error) {
      signal.throwIfAborted()
      throw modelFailure(watchdog.signal.aborted ? watchdog.signal.reason : error, [apiKey, authToken])
    } finally {
      watchdog.stop()
    }
  }

  async #send(params: Anthropic.MessageCreateParamsStreaming, signal: AbortSignal) {
    try {
      return await this.#client.messages.create(params, { signal }).asResponse()
    } catch (error) {
      // Whatever comes from the network or the server is an error of the SDK's own.
      throw error instanceof AnthropicError ? error : new Unsendable(error)
    }
  }
}

/** Cuts a request that has gone silent. Pings are no content. */
class Watchdog {
  readonly #controller = new AbortController()
  readonly #timer: NodeJS.Timeout

  constructor(stallTimeoutMs: number) {
    const cut = new StreamStalled(`the model's server sent nothing for ${stallTimeoutMs / 1000} s`)
    this.#timer = setTimeout(() => this.#controller.abort(cut), stallTimeoutMs)
  }

  get signal(): AbortSignal {
    return this.#controller.signal
  }

  alive(): void {
    this.#timer.refresh()
  }

  stop(): void {
    clearTimeout(this.#timer)
  }
}
