import type { AssistantBlock } from '../../protocol/contract.ts'
import type { ModelMessage } from './provider.ts'

/**
 * The messages with every text at most `length` characters long, its middle left out, and without images and documents.
 * With an infinite length they are as they were.
 */
export function shortened(messages: ModelMessage[], length: number): ModelMessage[] {
  if (length === Number.POSITIVE_INFINITY) return messages
  return messages.map(({ role, content }) => ({
    role,
    // A reply goes back as it came: its thoughts are signed, its calls have to fit their results.
    content: role === 'assistant' ? content : content.map((block) => shorter(block, length)),
  }))
}

function shorter(block: AssistantBlock, length: number): AssistantBlock {
  if (block.type === 'tool_result' && Array.isArray(block.content)) {
    return { ...block, content: block.content.map((inner) => shorter(inner as AssistantBlock, length)) }
  }
  if (block.type === 'image' || block.type === 'document') return { type: 'text', text: `[${block.type} left out]` }
  if (block.type !== 'text') return block
  const text = String(block.text)
  if (text.length <= length) return block
  const half = Math.floor(length / 2)
  return {
    ...block,
    text: `${text.slice(0, half)}\n[… ${text.length - 2 * half} characters left out …]\n${text.slice(-half)}`,
  }
}
