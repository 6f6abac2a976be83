import type Anthropic from '@anthropic-ai/sdk'
import { modelInfo } from '../../protocol/models.ts'
import type { ModelMessage, ModelRequest } from './provider.ts'

type Params = Anthropic.MessageCreateParamsStreaming

const breakpoint = { cache_control: { type: 'ephemeral' } }

/**
 * The request in the Messages API's terms. The four cache breakpoints go where the prefix stays: behind the tools, the
 * system prompt, and the two newest messages of the user's side — the older of these is where the last request ended.
 */
export function buildRequest(request: ModelRequest, maxOutputTokens: number | undefined): Params {
  const info = modelInfo(request.model)
  const messages = withBreakpoints(presentable(request.messages))
  const params = {
    model: request.model,
    max_tokens: Math.min(maxOutputTokens ?? info.maxOutputTokens, info.maxOutputTokens),
    stream: true as const,
    messages,
    ...(request.system !== '' && { system: [{ type: 'text', text: request.system, ...breakpoint }] }),
    ...(request.tools.length > 0 && { tools: lastMarked(request.tools) }),
    ...(info.supportsThinking && { thinking: { type: 'adaptive' } }),
    ...(info.supportsEffort && { output_config: { effort: request.effort } }),
    ...(info.supportsFast && request.speed === 'fast' && { speed: 'fast' }),
  }
  return params as unknown as Params
}

/** Without blank text blocks and empty messages, which the API refuses; roles still alternate. */
function presentable(messages: ModelMessage[]): ModelMessage[] {
  const result: ModelMessage[] = []
  for (const message of messages) {
    const { role, content } = message
    const said = content.every(isSaid) ? content : content.filter(isSaid)
    if (said.length === 0) continue
    const last = result.at(-1)
    if (last?.role === role) result[result.length - 1] = { role, content: [...last.content, ...said] }
    else result.push(said === content ? message : { role, content: said })
  }
  return result
}

const isSaid = (block: ModelMessage['content'][number]) => block.type !== 'text' || String(block.text).trim() !== ''

function withBreakpoints(messages: ModelMessage[]): ModelMessage[] {
  const marked = [...messages]
  for (let index = messages.length - 1, left = 2; index >= 0 && left > 0; index--) {
    const message = messages[index]!
    if (message.role !== 'user') continue
    marked[index] = { ...message, content: lastMarked(message.content) }
    left--
  }
  return marked
}

function lastMarked<T extends object>(blocks: readonly T[]): T[] {
  return blocks.map((block, index) => (index === blocks.length - 1 ? { ...block, ...breakpoint } : block))
}
