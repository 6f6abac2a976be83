/**
 * What of a reply is sent back with the requests that follow: what the Messages API takes, whatever the model's server
 * had sent. One block that it refuses would spoil every request of the session. Pure.
 */
import type { AssistantBlock } from '../protocol/contract.ts'
import { wellFormed } from '../protocol/well-formed.ts'

export interface SentBlock {
  block: AssistantBlock
  /** Its place in the reply: events are named after it. */
  index: number
}

/** @param ids those of the tool uses before; the reply's own are added */
export function sentBack(content: readonly AssistantBlock[], ids: Set<string>): SentBlock[] {
  const said = content.flatMap((given, index) => {
    const block = taken(given, ids)
    return block ? [{ block, index }] : []
  })
  // The token limit cut the reply while it was thinking, or all that came behind was left out.
  return said.slice(0, said.findLastIndex(({ block }) => !isThought(block)) + 1)
}

function taken(given: AssistantBlock, ids: Set<string>): AssistantBlock | undefined {
  const block = wellFormed(given)
  // Signed: it goes back as it came, or not at all.
  if (isThought(given)) return block === given && isWhole(given) ? given : undefined
  if (block.type === 'text') {
    const text = textOf(block)
    return text.trim() === '' ? undefined : { ...block, text }
  }
  if (block.type !== 'tool_use') return undefined
  const { id, name, input } = block
  return { ...block, id: fittingId(id, ids), name: fittingName(name), input: isObject(input) ? input : { input } }
}

/** The reply in the fewest words, where the conversation is refused for nobody knows what. */
export function barely({ type, text, id, name, input }: AssistantBlock): AssistantBlock[] {
  if (type === 'text') return [{ type, text }]
  return type === 'tool_use' ? [{ type, id, name, input }] : []
}

export const isThought = ({ type }: AssistantBlock) => type === 'thinking' || type === 'redacted_thinking'

const isWhole = ({ type, thinking, signature = '', data }: AssistantBlock) =>
  type === 'thinking' ? typeof thinking === 'string' && typeof signature === 'string' : typeof data === 'string'

export const textOf = ({ text }: AssistantBlock) => (typeof text === 'string' ? text : String(text ?? ''))

export const isObject = (value: unknown) => typeof value === 'object' && value !== null && !Array.isArray(value)

/** What the Messages API takes as the name of a tool. */
export const isToolName = (name: unknown) => typeof name === 'string' && /^[a-zA-Z0-9_-]{1,128}$/.test(name)

const fittingName = (name: unknown) =>
  isToolName(name)
    ? name
    : String(name)
        .replace(/[^a-zA-Z0-9_-]/g, '_')
        .slice(0, 128) || 'unknown'

/** The id of a tool use as the Messages API takes it, and no other's; the same for the same ids before. */
export function fittingId(id: unknown, taken: Set<string>): string {
  const plain = String(id).replace(/[^a-zA-Z0-9_-]/g, '_') || 'toolu'
  let fitting = plain
  for (let n = taken.size + 1; taken.has(fitting); n++) fitting = `${plain}_${n}`
  taken.add(fitting)
  return fitting
}
