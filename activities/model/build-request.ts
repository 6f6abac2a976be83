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
  for (const { role, content } of messages) {
    const said = content.filter((block) => block.type !== 'text' || String(block.text).trim() !== '')
    if (said.length === 0) continue
    const last = result.at(-1)
    if (last?.role === role) last.content.push(...said)
    else result.push({ role, content: [...said] })
  }
  return result
}

function withBreakpoints(messages: ModelMessage[]): ModelMessage[] {
  const marked = [...messages.keys()].filter((index) => messages[index]!.role === 'user').slice(-2)
  return messages.map((message, index) =>
    marked.includes(index) ? { ...message, content: lastMarked(message.content) } : message,
  )
}

function lastMarked<T extends object>(blocks: T[]): T[] {
  return blocks.map((block, index) => (index === blocks.length - 1 ? { ...block, ...breakpoint } : block))
}
