/** The shapes of the Messages API that the scripted model reads. */
export interface Block {
  type: string
  [field: string]: unknown
}
export interface Message {
  role: 'user' | 'assistant' | 'system'
  content: Block[]
}
export interface MessagesRequest {
  model: string
  max_tokens: number
  messages: Message[]
  system: Block[]
  tools: { name: string; [field: string]: unknown }[]
  stream: boolean
  [field: string]: unknown
}

/** The text of a message, its blocks on lines of their own. */
export function textOf(message: Message): string {
  return message.content
    .filter((block) => block.type === 'text')
    .map((block) => String(block.text))
    .join('\n')
}

/** The texts of the tool results that a message brings. */
export function toolResults(message: Message | undefined): string[] {
  return (message?.content ?? [])
    .filter((block) => block.type === 'tool_result')
    .map(({ content }) =>
      typeof content === 'string' ? content : textOf({ role: 'user', content: (content ?? []) as Block[] }),
    )
}
