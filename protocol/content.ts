/** Content blocks of messages and tool results. Source: spec §9.1. */
import { z } from 'zod'

export const textBlock = z.strictObject({ type: z.literal('text'), text: z.string() })

/** A plain string by its type, as in the official SDK. */
const oneOf = (...types: string[]) => z.string().refine((type) => types.includes(type), `must be ${types.join(', ')}`)
/** What models take as images. */
export const imageTypes = ['image/png', 'image/jpeg', 'image/gif', 'image/webp']
const imageMediaType = oneOf(...imageTypes)
const base64 = z.base64().min(1)
const url = z.url({ protocol: /^https?$/ }).max(2048)
const fileSource = z.strictObject({ type: z.literal('file'), file_id: z.string().min(1) })
const urlSource = z.strictObject({ type: z.literal('url'), url })

export const imageBlock = z.strictObject({
  type: z.literal('image'),
  source: z.discriminatedUnion('type', [
    z.strictObject({ type: z.literal('base64'), media_type: imageMediaType, data: base64 }),
    urlSource,
    fileSource,
  ]),
})

export const documentBlock = z.strictObject({
  type: z.literal('document'),
  source: z.discriminatedUnion('type', [
    z.strictObject({ type: z.literal('base64'), media_type: oneOf('application/pdf'), data: base64 }),
    z.strictObject({ type: z.literal('text'), media_type: z.literal('text/plain'), data: z.string().min(1) }),
    urlSource,
    fileSource,
  ]),
  title: z.string().nullish(),
  context: z.string().nullish(),
})

export const searchResultBlock = z.strictObject({
  type: z.literal('search_result'),
  source: z.string().min(1),
  title: z.string(),
  content: z.array(textBlock),
  citations: z.strictObject({ enabled: z.boolean() }),
})

/** What a user's message may hold. */
export const userContentBlock = z.discriminatedUnion('type', [textBlock, imageBlock, documentBlock])
/** What a tool result may hold. */
export const toolResultBlock = z.discriminatedUnion('type', [textBlock, imageBlock, documentBlock, searchResultBlock])

export type TextBlock = z.infer<typeof textBlock>
export type ImageBlock = z.infer<typeof imageBlock>
export type DocumentBlock = z.infer<typeof documentBlock>
export type SearchResultBlock = z.infer<typeof searchResultBlock>
export type UserContentBlock = z.infer<typeof userContentBlock>
export type ToolResultBlock = z.infer<typeof toolResultBlock>
