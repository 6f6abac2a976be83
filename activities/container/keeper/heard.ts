import type { ToolResult } from '../../../protocol/contract.ts'
import { mediaLimit, mediumOf } from '../supervisor/media.ts'
import { Output } from '../supervisor/output.ts'
import { type Block, toolError, toolText } from '../supervisor/result.ts'

/** What a container's supervisor says, as far as it can be read. */
export type Heard =
  | { event: 'ready' }
  | { event: 'output'; id: string; text: string }
  | { event: 'result'; id: string; result: ToolResult }

/** Characters of a result's text: what is shown of an output, and what is said of the rest. */
const longestText = Output.shown + 1000
/** Characters of a line outside of strings; the supervisor's have some fifty. What is nested costs many times its length. */
const mostStructure = 1000

/**
 * Reads a line of a supervisor. Who took it over writes what he likes, so everything is made anew of what is known: a
 * result's other fields would be believed, such as the host that the session is bound to.
 */
export function heard(line: string): Heard | undefined {
  const { event, id, text, result } = hasLittleStructure(line) ? fieldsOf(parsed(line)) : {}
  if (event === 'ready') return { event }
  if (typeof id !== 'string') return undefined
  if (event === 'output' && typeof text === 'string') return { event, id, text }
  if (event === 'result') return { event, id, result: resultOf(result) }
  return undefined
}

/** The result in place of one that is none. */
const unreadable: ToolResult = {
  ...toolError('The container gave no result that can be read. Check what this call has done.'),
  outcome: 'unknown',
}

function resultOf(said: unknown): ToolResult {
  const { content, is_error, outcome } = fieldsOf(said)
  // Every tool gives one.
  const block = Array.isArray(content) && content.length === 1 ? blockOf(content[0]) : undefined
  if (!block || typeof is_error !== 'boolean' || (outcome !== 'done' && outcome !== 'interrupted')) return unreadable
  return { content: [block], is_error, outcome }
}

function blockOf(said: unknown): Block | undefined {
  const { type, text, source } = fieldsOf(said)
  if (type === 'text' && typeof text === 'string') return toolText(text.slice(0, longestText)).content[0]
  const { data } = fieldsOf(source)
  if ((type !== 'image' && type !== 'document') || typeof data !== 'string') return undefined
  const bytes = Buffer.from(data, 'base64')
  const medium = mediumOf(bytes)
  if (medium?.type !== type || bytes.length > mediaLimit) return undefined
  return { type, source: { type: 'base64', media_type: medium.media_type, data: bytes.toString('base64') } }
}

function parsed(line: string): unknown {
  try {
    return JSON.parse(line)
  } catch {
    return undefined
  }
}

function fieldsOf(value: unknown): Record<string, unknown> {
  return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : {}
}

function hasLittleStructure(line: string): boolean {
  let outside = 0
  let isString = false
  for (let at = 0; at < line.length; at++) {
    const character = line[at]
    if (isString && character === '\\') at++
    else if (character === '"') isString = !isString
    else if (!isString && ++outside > mostStructure) return false
  }
  return true
}
