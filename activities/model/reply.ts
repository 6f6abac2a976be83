import type Anthropic from '@anthropic-ai/sdk'
import { fittingId, isObject, isThought, isToolName, textOf } from '../../log/sent-back.ts'
import type { AssistantBlock } from '../../protocol/contract.ts'
import type { StopDetails } from '../../protocol/events.ts'
import { isTokens, type StepUsage } from '../../protocol/usage.ts'
import { wellFormed } from '../../protocol/well-formed.ts'
import type { ModelDelta, ModelResponse } from './provider.ts'

type StreamEvent = Anthropic.RawMessageStreamEvent

/** A reply that is not what the API promises: worth another attempt. */
export class MalformedReply extends Error {
  override readonly name = 'MalformedReply'
}

/**
 * Puts a streamed reply together. Blocks are kept as they come, also of kinds that are not known here, but for what the
 * Messages API would not take back.
 */
export class Reply {
  #model = ''
  #blocks: AssistantBlock[] = []
  /** JSON of a tool's input, as far as it has come. */
  #inputs = new Map<number, string>()
  #stopReason: string | null = null
  #stopDetails: StopDetails | null = null
  #complete = false
  usage: StepUsage = {
    input_tokens: 0,
    output_tokens: 0,
    cache_creation_input_tokens: 0,
    cache_read_input_tokens: 0,
  }

  /** Takes the next event of the stream; returns what a preview can show of it. */
  take(event: StreamEvent): ModelDelta | undefined {
    switch (event.type) {
      case 'message_start':
        this.#model = event.message.model
        this.#count(event.message.usage)
        return undefined
      case 'content_block_start':
        this.#begin(event.index, event.content_block as unknown as AssistantBlock)
        return {
          type: 'block_start',
          index: event.index,
          block: event.content_block.type,
          ...(event.content_block.type === 'tool_use' && { tool: event.content_block.name }),
        }
      case 'content_block_delta':
        return this.#extend(event.index, { ...event.delta })
      case 'content_block_stop':
        this.#finish(event.index)
        return undefined
      case 'message_delta':
        this.#stopReason = event.delta.stop_reason
        this.#stopDetails = (event.delta.stop_details ?? null) as StopDetails | null
        this.#count(event.usage)
        return undefined
      case 'message_stop':
        this.#complete = true
        return undefined
      default:
        return undefined
    }
  }

  /** @throws MalformedReply when the stream ended too early, or what it calls cannot be called */
  response(): ModelResponse {
    if (!this.#complete) throw new MalformedReply('the stream of the reply ended too early')
    if (this.#inputs.size > 0 && this.#stopReason !== 'max_tokens') {
      throw new MalformedReply('the input of a tool use is not valid JSON')
    }
    return {
      model: this.#model,
      content: sound(this.#content()),
      stop_reason: this.#stopReason,
      stop_details: this.#stopDetails,
      usage: this.usage,
    }
  }

  /** A tool use that the token limit cut in two cannot be run: it is left out. */
  #content(): AssistantBlock[] {
    const blocks = this.#blocks
    if (this.#stopReason !== 'max_tokens') return blocks
    const last = blocks.at(-1)
    // Cut before its input began, it looks like a call without arguments.
    const isBare = (block: AssistantBlock) =>
      block === last && block.type === 'tool_use' && Object.keys(block.input ?? {}).length === 0
    return blocks.filter((block) => !this.#inputs.has(this.#blocks.indexOf(block)) && !isBare(block))
  }

  #begin(index: number, block: AssistantBlock): void {
    // A list with a hole of billions would take a minute to go through.
    if (!Number.isInteger(index) || index < 0 || index > this.#blocks.length) {
      throw new MalformedReply(`block ${index} begins behind block ${this.#blocks.length - 1}`)
    }
    if (typeof block?.type !== 'string') throw new MalformedReply(`block ${index} is of no kind`)
    this.#blocks[index] = { ...block }
    this.#inputs.delete(index)
  }

  #extend(index: number, delta: { type: string; [field: string]: unknown }): ModelDelta | undefined {
    const block = Number.isInteger(index) ? this.#blocks[index] : undefined
    if (!block) throw new MalformedReply(`a delta of block ${index}, which has not begun`)
    if (delta.type === 'text_delta') {
      block.text = String(block.text ?? '') + String(delta.text)
      return { type: 'text', index, text: String(delta.text) }
    }
    if (delta.type === 'input_json_delta') {
      this.#inputs.set(index, (this.#inputs.get(index) ?? '') + String(delta.partial_json))
    } else if (delta.type === 'thinking_delta') {
      block.thinking = String(block.thinking ?? '') + String(delta.thinking)
    } else if (delta.type === 'signature_delta') {
      block.signature = String(block.signature ?? '') + String(delta.signature)
    } else if (delta.type === 'citations_delta') {
      block.citations = [...((block.citations as unknown[] | null) ?? []), delta.citation]
    }
    return undefined
  }

  #finish(index: number): void {
    const json = this.#inputs.get(index)
    if (json === undefined) return
    try {
      this.#blocks[index]!.input = json === '' ? {} : JSON.parse(json)
      this.#inputs.delete(index)
    } catch {
      // Judged at the end: the token limit may be why.
    }
  }

  /** What is no number of tokens counts as not said: sums and budgets are made of it. */
  #count(usage: unknown): void {
    const before = this.usage
    const said = fieldsOf(usage)
    const tokens = (field: keyof typeof before & `${string}_tokens`) => {
      const count = said[field]
      return isTokens(count) ? count : (before[field] ?? 0)
    }
    const written = tokens('cache_creation_input_tokens')
    const hour = fieldsOf(said.cache_creation).ephemeral_1h_input_tokens
    const known = isTokens(hour) ? hour : (before.cache_creation_1h_input_tokens ?? 0)
    const speed = said.speed === 'standard' || said.speed === 'fast' ? said.speed : before.speed
    this.usage = {
      input_tokens: tokens('input_tokens'),
      output_tokens: tokens('output_tokens'),
      cache_creation_input_tokens: written,
      cache_read_input_tokens: tokens('cache_read_input_tokens'),
      cache_creation_1h_input_tokens: Math.min(known, written),
      ...(speed && { speed }),
    }
  }
}

const fieldsOf = (value: unknown) => (isObject(value) ? value : {}) as Record<string, unknown>

/**
 * The blocks as the Messages API takes them back: it would refuse all that follows otherwise. What a model can write is
 * mended; a call that would be another one then is none.
 * @throws MalformedReply
 */
function sound(blocks: AssistantBlock[]): AssistantBlock[] {
  const ids = new Set<string>()
  return blocks.map((given) => {
    // Signed as it came. One that is broken is not sent back.
    if (isThought(given)) return given
    const block = wellFormed(given)
    if (block.type === 'text') return { ...block, text: textOf(block) }
    if (block.type !== 'tool_use') return block
    if (!isToolName(block.name)) throw new MalformedReply('a tool use has a name that no tool can have')
    if (!isObject(block.input)) throw new MalformedReply('the input of a tool use is no object')
    return { ...block, id: fittingId(block.id, ids) }
  })
}
