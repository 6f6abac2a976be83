import { createHash } from 'node:crypto'
import type { MessagesRequest } from './messages.ts'

export interface PromptTokens {
  input_tokens: number
  cache_creation_input_tokens: number
  cache_read_input_tokens: number
}

const lifeMs = 5 * 60 * 1000
/** How many blocks before a breakpoint are looked at for an older entry. */
const lookback = 20

/**
 * Counts prompt tokens as the real prefix cache does: what lies before a breakpoint is written, and read again by a later
 * request whose own breakpoints lie at it or within reach behind it.
 */
export class PromptCache {
  readonly #entries = new Map<string, number>()

  count(request: MessagesRequest, now = Date.now()): PromptTokens {
    const blocks = partsOf(request)
    let hash = createHash('sha256').update(request.model).digest('hex')
    let tokens = 0
    const prefixes = blocks.map(({ text, marked }) => {
      hash = createHash('sha256').update(hash).update(text).digest('hex')
      tokens += Math.ceil(text.length / 4)
      return { hash, tokens, marked }
    })
    const breakpoints = [...prefixes.keys()].filter((index) => prefixes[index]!.marked)
    let read = 0
    for (const at of breakpoints) {
      for (let index = at; index >= Math.max(0, at - lookback); index--) {
        const { hash, tokens } = prefixes[index]!
        if ((this.#entries.get(hash) ?? 0) > now && tokens > read) {
          read = tokens
          this.#entries.set(hash, now + lifeMs)
        }
      }
    }
    for (const at of breakpoints) this.#entries.set(prefixes[at]!.hash, now + lifeMs)
    const written = Math.max(0, (prefixes[breakpoints.at(-1) ?? -1]?.tokens ?? 0) - read)
    return {
      input_tokens: tokens - read - written,
      cache_creation_input_tokens: written,
      cache_read_input_tokens: read,
    }
  }
}

/** Everything of the prompt in its order: tools, system, messages. The marks themselves are no content. */
function partsOf({ tools, system, messages }: MessagesRequest): { text: string; marked: boolean }[] {
  const part = (prefix: string) => (block: object) => {
    const { cache_control: mark, ...content } = block as { cache_control?: unknown }
    return { text: prefix + JSON.stringify(content), marked: mark !== undefined && mark !== null }
  }
  return [
    ...tools.map(part('tool')),
    ...system.map(part('system')),
    ...messages.flatMap(({ role, content }) => content.map(part(role))),
  ]
}
