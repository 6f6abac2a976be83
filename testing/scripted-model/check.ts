import { createHmac } from 'node:crypto'
import type { Block, Message, MessagesRequest } from './messages.ts'

/** The request breaks a rule of the API: 400 with this message. */
export class Refused extends Error {
  override readonly name = 'Refused'
}

const known = [
  'model',
  'max_tokens',
  'messages',
  'system',
  'tools',
  'stream',
  'thinking',
  'output_config',
  'speed',
  'metadata',
  'stop_sequences',
  'tool_choice',
  'temperature',
  'service_tier',
]

/** Reads a request as strictly as the real API does. */
export function readRequest(body: unknown): MessagesRequest {
  if (typeof body !== 'object' || body === null || Array.isArray(body)) throw new Refused('the body must be an object')
  const request = body as Record<string, unknown>
  for (const field of Object.keys(request)) {
    if (!known.includes(field)) throw new Refused(`${field}: Extra inputs are not permitted`)
  }
  if (typeof request.model !== 'string') throw new Refused('model: Field required')
  if (!Number.isInteger(request.max_tokens) || (request.max_tokens as number) < 1)
    throw new Refused('max_tokens: Field required')
  if (!Array.isArray(request.messages) || request.messages.length === 0)
    throw new Refused('messages: at least one message is required')
  const read: MessagesRequest = {
    ...request,
    model: request.model,
    max_tokens: request.max_tokens as number,
    stream: request.stream === true,
    system: blocksOf(request.system ?? [], 'system'),
    tools: (request.tools ?? []) as MessagesRequest['tools'],
    messages: request.messages.map((message: { role: Message['role']; content: unknown } | null, index) => {
      if (typeof message !== 'object' || message === null) throw new Refused(`messages.${index}: must be an object`)
      return { role: message.role, content: blocksOf(message.content, `messages.${index}.content`) }
    }),
  }
  checkTools(read)
  checkMessages(read.messages)
  checkBreakpoints(read)
  return read
}

function blocksOf(content: unknown, where: string): Block[] {
  if (typeof content === 'string') return [{ type: 'text', text: content }]
  if (!Array.isArray(content)) throw new Refused(`${where}: must be a string or a list of blocks`)
  for (const [index, block] of content.entries()) checkBlock(block as Block, `${where}.${index}`)
  return content as Block[]
}

const kinds = ['text', 'image', 'document', 'search_result', 'thinking', 'redacted_thinking', 'tool_use', 'tool_result']

function checkBlock(block: Block, where: string): void {
  if (typeof block?.type !== 'string') throw new Refused(`${where}.type: Field required`)
  if (!kinds.includes(block.type)) throw new Refused(`${where}: Input tag '${block.type}' does not match any of those`)
  if (block.type === 'tool_use') checkCall(block, where)
  if (block.type === 'text' && String(block.text ?? '').trim() === '') {
    throw new Refused(`${where}: text content blocks must contain non-whitespace text`)
  }
  if ((block.type === 'thinking' || block.type === 'redacted_thinking') && block.cache_control) {
    throw new Refused(`${where}: thinking blocks cannot have cache_control`)
  }
  if (block.type === 'thinking' && block.signature !== sign(String(block.thinking))) {
    throw new Refused(`${where}: Invalid signature in thinking block`)
  }
  if (block.type === 'tool_result' && Array.isArray(block.content)) blocksOf(block.content, `${where}.content`)
}

function checkCall({ id, name, input }: Block, where: string): void {
  if (!/^[a-zA-Z0-9_-]+$/.test(String(id))) throw new Refused(`${where}.id: String should match '^[a-zA-Z0-9_-]+$'`)
  if (!/^[a-zA-Z0-9_-]{1,128}$/.test(String(name))) {
    throw new Refused(`${where}.name: String should match '^[a-zA-Z0-9_-]{1,128}$'`)
  }
  if (typeof input !== 'object' || input === null || Array.isArray(input)) {
    throw new Refused(`${where}.input: Input should be a valid dictionary`)
  }
}

function checkTools({ tools }: MessagesRequest): void {
  const names = new Set<string>()
  for (const [index, tool] of tools.entries()) {
    if (names.has(tool.name)) throw new Refused(`tools.${index}: Tool names must be unique`)
    names.add(tool.name)
    const schema = tool.input_schema as { type?: string } | undefined
    if (schema?.type !== 'object') throw new Refused(`tools.${index}.input_schema.type: must be "object"`)
  }
}

/** Order of roles, and every tool use answered once, at the start of the next message. */
function checkMessages(messages: Message[]): void {
  if (messages[0]!.role !== 'user') throw new Refused('messages: first message must use the "user" role')
  const ids = new Set<string>()
  for (const [index, { role, content }] of messages.entries()) {
    const where = `messages.${index}`
    if (!['user', 'assistant', 'system'].includes(role)) throw new Refused(`${where}.role: unknown role`)
    if (content.length === 0) throw new Refused(`${where}: messages must have non-empty content`)
    if (role === 'assistant' && /thinking$/.test(content.at(-1)!.type)) {
      throw new Refused(`${where}: the final block in an assistant message cannot be thinking`)
    }
    const previous = messages[index - 1]
    if (previous?.role === role)
      throw new Refused(`${where}: roles must alternate, found multiple "${role}" roles in a row`)
    const calls = role === 'assistant' ? content.filter((block) => block.type === 'tool_use') : []
    for (const { id } of calls) {
      if (ids.has(String(id))) throw new Refused(`${where}: tool_use ids must be unique`)
      ids.add(String(id))
    }
    const asked = previous?.role === 'assistant' ? previous.content.filter((block) => block.type === 'tool_use') : []
    checkAnswers(
      asked.map((block) => String(block.id)),
      content,
      where,
    )
  }
  const last = messages.at(-1)!
  if (last.role === 'assistant') throw new Refused('messages: the conversation must end with a user message')
}

function checkAnswers(asked: string[], content: Block[], where: string): void {
  const answered = content.filter((block) => block.type === 'tool_result').map((block) => String(block.tool_use_id))
  for (const id of answered) {
    if (!asked.includes(id)) throw new Refused(`${where}: unexpected tool_use_id in tool_result blocks: ${id}`)
  }
  if (new Set(answered).size !== answered.length) throw new Refused(`${where}: each tool_use must have a single result`)
  const missing = asked.filter((id) => !answered.includes(id))
  if (missing.length > 0) {
    throw new Refused(
      `${where}: tool_use ids were found without tool_result blocks immediately after: ${missing.join(', ')}`,
    )
  }
  if (content.slice(0, answered.length).some((block) => block.type !== 'tool_result')) {
    throw new Refused(`${where}: tool_result blocks must come first`)
  }
}

function checkBreakpoints({ tools, system, messages }: MessagesRequest): void {
  const marked = [...tools, ...system, ...messages.flatMap((message) => message.content)].filter(
    (part) => part.cache_control,
  )
  if (marked.length > 4)
    throw new Refused(`A maximum of 4 blocks with cache_control may be provided. Found ${marked.length}.`)
}

/** The signature of a thinking block: only what this server wrote, unchanged, has the right one. */
export function sign(thinking: string): string {
  return createHmac('sha256', 'scripted-model').update(thinking).digest('base64')
}
