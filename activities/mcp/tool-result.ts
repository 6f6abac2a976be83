import { z } from 'zod'
import { imageTypes, type ToolResultBlock } from '../../protocol/content.ts'
import { limits } from '../../protocol/limits.ts'
import { mediumOf } from '../container/supervisor/media.ts'
import { blot } from '../egress/blot.ts'
import type { OutsideResult } from '../large-results.ts'

const textOf = z.looseObject({ type: z.literal('text'), text: z.string() })
const mediaOf = z.looseObject({ type: z.enum(['image', 'audio']), data: z.string(), mimeType: z.string() })
const resourceOf = z.looseObject({
  type: z.literal('resource'),
  resource: z.looseObject({
    uri: z.string(),
    mimeType: z.string().nullish(),
    text: z.string().optional(),
    blob: z.string().optional(),
  }),
})
const linkOf = z.looseObject({
  type: z.literal('resource_link'),
  uri: z.string(),
  name: z.string().nullish(),
  description: z.string().nullish(),
})
const block = z.union([textOf, mediaOf, resourceOf, linkOf])
const answer = z.looseObject({
  content: z.array(z.unknown()).catch([]),
  structuredContent: z.unknown().optional(),
  isError: z.boolean().catch(false).optional(),
})

/** Blocks of one result; the rest is counted. */
const mostBlocks = 100
/** Base64 characters of one image or document, and of all together. Source: the Messages API's 5 MB for an image. */
const largestMedium = 5 * 1024 * 1024
const largestTogether = 20 * 1024 * 1024

/** A tool's result as the model can take it: bounded, and without the secrets that the call was made with. */
export function toolResult(given: unknown, secrets: Iterable<string>): OutsideResult {
  const { content, structuredContent, isError = false } = answer.parse(given)
  const budget = { characters: limits.toolOutputCharacters, media: largestTogether, texts: [] as string[] }
  const hidden = [...secrets]
  const blocks = content.slice(0, mostBlocks).flatMap((entry) => toBlock(entry, budget, hidden))
  if (content.length > mostBlocks) blocks.push(note(`${content.length - mostBlocks} more parts are left out.`))
  // Structured content comes with its text for clients that do not know it; not every server gives that.
  const hasText = blocks.some((made) => made.type === 'text')
  if (structuredContent !== undefined && !hasText) {
    blocks.push(...bounded(JSON.stringify(structuredContent), budget, hidden))
  }
  if (blocks.length === 0) blocks.push({ type: 'text', text: '(no output)' })
  const isCut = budget.characters < 0
  return { content: blocks, is_error: isError, outcome: 'done', ...(isCut && { whole: budget.texts.join('\n') }) }
}

interface Budget {
  characters: number
  media: number
  /** All texts, also those that the model does not see. */
  texts: string[]
}

function toBlock(entry: unknown, budget: Budget, secrets: string[]): ToolResultBlock[] {
  const read = block.safeParse(entry)
  if (!read.success) return [note('A part of a kind that is not known is left out.')]
  const part = read.data
  if (part.type === 'text') return bounded(part.text, budget, secrets)
  if (part.type === 'image' || part.type === 'audio') return medium(part.data, part.mimeType, budget)
  if (part.type === 'resource_link') {
    const about = [part.name, part.description].filter(Boolean).join(': ')
    return bounded(`Resource ${part.uri}${about ? ` (${about})` : ''}`, budget, secrets)
  }
  const { uri, mimeType, text, blob } = (part as z.output<typeof resourceOf>).resource
  if (text !== undefined) return bounded(`Resource ${uri}:\n${text}`, budget, secrets)
  return [...bounded(`Resource ${uri}:`, budget, secrets), ...medium(blob ?? '', mimeType ?? 'unknown', budget)]
}

function bounded(text: string, budget: Budget, secrets: string[]): ToolResultBlock[] {
  const clean = blot(text, secrets).toWellFormed()
  if (clean.trim() === '') return []
  budget.texts.push(clean)
  const shown = clean.slice(0, Math.max(budget.characters, 0)).toWellFormed()
  budget.characters -= clean.length
  return shown.trim() === '' ? [] : [{ type: 'text', text: shown }]
}

/** What the model can look at, told by its bytes; anything else is only named. */
function medium(data: string, mimeType: string, budget: Budget): ToolResultBlock[] {
  const type = mimeType.slice(0, 100).toWellFormed()
  if (data.length > largestMedium || data.length > budget.media) {
    return [note(`Content of type ${type} is left out: it is too large (${data.length} characters of base64).`)]
  }
  const bytes = Buffer.from(data, 'base64')
  const known = mediumOf(bytes)
  if (!known || (known.type === 'image' && !imageTypes.includes(known.media_type))) {
    return [note(`Content of type ${type} is left out: it cannot be shown (${bytes.length} bytes).`)]
  }
  budget.media -= data.length
  const source = { type: 'base64' as const, media_type: known.media_type, data: bytes.toString('base64') }
  return [{ type: known.type, source } as ToolResultBlock]
}

const note = (text: string): ToolResultBlock => ({ type: 'text', text: `[${text}]` })
