/** Pages and cursors. Source: spec §2.5. */
import { z } from 'zod'
import { invalidRequest } from './errors.ts'
import { pageSizes } from './limits.ts'

export interface Page<T> {
  data: T[]
  next_page: string | null
}
/** Only the list of sessions can be walked backwards. */
export interface BidirectionalPage<T> extends Page<T> {
  prev_page: string | null
}

/** What `next_page` said may be given as it is, null too; the SDKs send a null as an empty text. */
const page = z
  .string()
  .max(4096)
  .nullish()
  .transform((text) => text || undefined)

/** `limit` and `page` of a list, with the list's own bounds. */
export function pageParams(list: keyof typeof pageSizes) {
  const { default: size, max } = pageSizes[list]
  return z.strictObject({ limit: z.int().min(1).max(max).default(size), page })
}

const timestamp = z.iso.datetime({ offset: true })
/** `created_at[gt]=…` and so on. */
export const createdAtFilter = z.strictObject({
  gt: timestamp.optional(),
  gte: timestamp.optional(),
  lt: timestamp.optional(),
  lte: timestamp.optional(),
})

/** The bounds that the lists of memory stores and of their versions have. */
export const createdWithin = createdAtFilter.pick({ gte: true, lte: true })

/** Writes an opaque page cursor. `list` names the list it belongs to, with whose it is, so that it fits no other. */
export function encodePage(list: string, position: Record<string, unknown>): string {
  return `page_${Buffer.from(JSON.stringify({ list, ...position })).toString('base64url')}`
}

/** Reads a page cursor of this list. Throws a 400 on anything else. */
export function decodePage<T extends z.ZodRawShape>(list: string, page: string, shape: T): z.infer<z.ZodObject<T>> {
  try {
    if (!page.startsWith('page_')) throw new Error('no cursor')
    const position = JSON.parse(Buffer.from(page.slice(5), 'base64url').toString())
    if (position.list !== list) throw new Error(`a cursor of ${position.list}`)
    return z.object(shape).parse(position) as z.infer<z.ZodObject<T>>
  } catch (cause) {
    throw invalidRequest('page: not a cursor of this list', { cause })
  }
}
