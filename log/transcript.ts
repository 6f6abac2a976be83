/** From facts to the messages that the model sees. Pure. Source: design §4. */
import type { AssistantBlock } from '../protocol/contract.ts'
import { stepEvent } from '../protocol/ids.ts'
import { wellFormed } from '../protocol/well-formed.ts'
import type { Fact } from './facts.ts'
import { isCompaction, isModelStep } from './facts.ts'
import type { LogItem } from './projection.ts'
import { barely, sentBack } from './sent-back.ts'

/** A message in the form of the Messages API. */
export interface TranscriptMessage {
  readonly role: 'user' | 'assistant' | 'system'
  readonly content: readonly AssistantBlock[]
}

type Entry =
  | { role: 'user' | 'system'; message: TranscriptMessage; run: number; summary?: true }
  | { role: 'assistant'; message: TranscriptMessage; uses: ToolUse[]; answered?: TranscriptMessage }

interface ToolUse {
  eventId: string
  modelId: string
}

interface Result {
  content: AssistantBlock[]
  is_error: boolean
}

/**
 * Collects a session's conversation from its facts and their items. Everything it keeps is append-only, so equal
 * prefixes of the log give equal prefixes of the messages: the provider's prompt cache depends on that.
 */
export class Transcript {
  #entries: Entry[] = []
  #answers = new Map<string, Result>()
  /** Of all tool uses. */
  #ids = new Set<string>()
  /** How many entries the last retraction left, while no reply has come since. */
  #retractedTo: number | undefined

  /** Takes the next fact with the items that the projection made of it. */
  apply(fact: Fact, items: LogItem[]): void {
    const said = isModelStep(fact) ? sentBack(fact.result.content, this.#ids) : []
    if (isModelStep(fact) && said.length > 0) {
      const role = 'assistant'
      this.#retractedTo = undefined
      this.#entries.push({
        role,
        message: { role, content: said.map(({ block }) => block) },
        uses: said.flatMap(({ block, index }) =>
          block.type === 'tool_use'
            ? [{ eventId: stepEvent.block(fact.activityId, index), modelId: String(block.id) }]
            : [],
        ),
      })
    }
    if (isCompaction(fact)) this.#compact(fact.result.summary)
    if (fact.kind === 'announced' && fact.announcement.retracted) this.#retract()
    const dropped = fact.kind === 'announced' && fact.announcement.flushed
    for (const { event, received, cursor } of items) {
      if (received) continue
      if ((event.type === 'user.message' || event.type === 'system.message') && !dropped) {
        const content = blocks(event.content)
        const role = event.type === 'user.message' ? 'user' : 'system'
        if (content.length > 0) this.#entries.push({ role, message: { role, content }, run: cursor.run })
      }
      if (event.type === 'agent.tool_result') this.#answer(event.tool_use_id, event)
      if (event.type === 'agent.mcp_tool_result') this.#answer(event.mcp_tool_use_id, event)
      if (event.type === 'user.custom_tool_result') this.#answer(event.custom_tool_use_id, event)
      if (event.type === 'user.tool_result') this.#answer(event.tool_use_id, event)
    }
  }

  /**
   * The messages: roles alternate, and every tool use is answered at the start of the next message. Those that stay are the
   * same objects each time.
   */
  messages(): TranscriptMessage[] {
    return this.#messages(this.#entries)
  }

  /**
   * What a compaction is made from: everything up to the last reply. The messages that have no answer yet are not part of
   * it, they stay as they are; `oldest` is the run of the first of them.
   */
  toCompact(): { messages: TranscriptMessage[]; oldest: number | undefined } {
    const kept = this.#entries[this.#answered]
    return {
      messages: this.#messages(this.#entries.slice(0, this.#answered)),
      oldest: kept && kept.role !== 'assistant' ? kept.run : undefined,
    }
  }

  #messages(entries: Entry[]): TranscriptMessage[] {
    const messages: TranscriptMessage[] = []
    for (const entry of entries) {
      const last = messages.at(-1)
      if (entry.role === 'user' && last?.role === 'user') {
        messages[messages.length - 1] = { role: 'user', content: [...last.content, ...entry.message.content] }
      } else {
        messages.push(entry.message)
      }
      if (entry.role === 'assistant' && entry.uses.length > 0) messages.push(this.#results(entry))
    }
    return messages
  }

  #results(entry: Extract<Entry, { role: 'assistant' }>): TranscriptMessage {
    if (entry.answered) return entry.answered
    const message: TranscriptMessage = { role: 'user', content: entry.uses.map((use) => this.#resultBlock(use)) }
    // The first answer counts, so it stays as it is.
    if (entry.uses.every(({ eventId }) => this.#answers.has(eventId))) entry.answered = message
    return message
  }

  #answer(toolUseId: string, answer: { content?: unknown[] | null; is_error?: boolean | null }): void {
    // The first answer counts: whatever comes later cannot change a prompt that was already sent.
    if (this.#answers.has(toolUseId)) return
    this.#answers.set(toolUseId, { content: blocks(answer.content ?? []), is_error: answer.is_error ?? false })
  }

  #resultBlock({ eventId, modelId }: ToolUse): AssistantBlock {
    const result = this.#answers.get(eventId) ?? {
      content: [{ type: 'text', text: 'No result of this call was recorded. It is unknown whether it ran.' }],
      is_error: true,
    }
    return { type: 'tool_result', tool_use_id: modelId, content: result.content, is_error: result.is_error }
  }

  /** How many entries lead up to the last reply, or to the summary that stands for one. */
  get #answered(): number {
    return this.#entries.findLastIndex((entry) => entry.role === 'assistant' || entry.summary) + 1
  }

  /**
   * Takes out what the Messages API has refused and would refuse for ever: the messages since the last reply. Where there
   * are none it was that reply's results; where it is refused again without them, also an address that has stopped working,
   * and what of the replies is more than their words and calls.
   */
  #retract(): void {
    const kept = this.#answered
    const wereMessages = this.#entries.length > kept
    const isAgain = this.#retractedTo === kept
    this.#entries.length = kept
    this.#retractedTo = kept
    if (wereMessages && !isAgain) return
    const last = this.#entries.at(-1)
    if (last?.role === 'assistant' && last.uses.length > 0) {
      last.answered = { role: 'user', content: last.uses.map(refusedResult) }
    }
    if (!isAgain) return
    this.#entries = this.#entries.map(plain)
    for (const [id, answer] of this.#answers) {
      this.#answers.set(id, { ...answer, content: answer.content.map(withoutAddress) })
    }
  }

  #compact(summary: string): void {
    const unanswered = this.#entries.slice(this.#answered)
    const message: TranscriptMessage = { role: 'user', content: [{ type: 'text', text: summary.toWellFormed() }] }
    this.#entries = [{ role: 'user', message, run: 0, summary: true }, ...unanswered]
    this.#answers.clear()
    this.#ids.clear()
  }
}

function refusedResult({ modelId }: ToolUse): AssistantBlock {
  const text = 'The call ran, but its result is missing here: the Messages API refused the request that it was part of.'
  return { type: 'tool_result', tool_use_id: modelId, content: [{ type: 'text', text }], is_error: true }
}

function plain<E extends Entry>(entry: E): E {
  const { message } = entry
  const answered = 'answered' in entry && entry.answered
  const content = message.content.flatMap(entry.role === 'assistant' ? barely : withoutAddress)
  return {
    ...entry,
    message: { ...message, content },
    ...(answered && { answered: { ...answered, content: answered.content.map(withoutAddress) } }),
  }
}

function withoutAddress(block: AssistantBlock): AssistantBlock {
  const { type, source, content } = block as AssistantBlock & { source?: { type?: string; url?: string } }
  if (type === 'tool_result' && Array.isArray(content)) return { ...block, content: content.map(withoutAddress) }
  if ((type !== 'image' && type !== 'document') || source?.type !== 'url') return block
  return { type: 'text', text: `[the ${type} at ${source.url} is left out: the Messages API refused the conversation]` }
}

function blocks(content: readonly unknown[]): AssistantBlock[] {
  return wellFormed(content).filter((block) => {
    const { type, text } = block as AssistantBlock
    // The Messages API refuses blank text blocks.
    return type !== 'text' || String(text).trim() !== ''
  }) as AssistantBlock[]
}
