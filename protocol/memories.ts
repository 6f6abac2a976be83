/** Memories: text documents at paths of a store. Source: spec §17.2, §17.3. */
import { createHash } from 'node:crypto'
import { z } from 'zod'
import { limits, memoriesWithContent } from './limits.ts'
import { memoryPathProblem, pathPrefixProblem } from './memory-path.ts'
import { pageParams } from './pagination.ts'

export interface Memory {
  id: string
  type: 'memory'
  memory_store_id: string
  path: string
  /** Null in the basic view. */
  content: string | null
  content_sha256: string
  content_size_bytes: number
  /** The version that holds what the memory has now. */
  memory_version_id: string
  created_at: string
  updated_at: string
}

/** Stands for the memories below a path in a list of depth 1. */
export interface MemoryPrefix {
  type: 'memory_prefix'
  path: string
}

export type MemoryListItem = Memory | MemoryPrefix

/** Hash of a content: of its UTF-8 bytes, 64 hexadecimal digits. */
export const contentSha256 = (content: string | Uint8Array): string =>
  createHash('sha256').update(content).digest('hex')

const content = z
  .string()
  .refine((text) => text.isWellFormed(), 'is not valid Unicode')
  .refine((text) => Buffer.byteLength(text) <= limits.memoryBytes, `is longer than ${limits.memoryBytes} bytes`)
const path = z.string().superRefine((text, context) => {
  const problem = memoryPathProblem(text)
  if (problem) context.addIssue({ code: 'custom', message: problem })
})
const sha256 = z.string().regex(/^[0-9a-f]{64}$/, 'must be 64 lowercase hexadecimal digits')
export const memoryView = z.enum(['basic', 'full'])
export type MemoryView = z.infer<typeof memoryView>

export const memoryViewParams = z.strictObject({ view: memoryView.optional() })

export const memoryCreateParams = z.strictObject({
  path,
  // The SDK's type allows null for an empty one.
  content: content.nullable(),
  view: memoryView.optional(),
})
export type MemoryCreateParams = z.input<typeof memoryCreateParams>

export const memoryUpdateParams = z.strictObject({
  path: path.nullish(),
  content: content.nullish(),
  precondition: z.strictObject({ type: z.literal('content_sha256'), content_sha256: sha256 }).nullish(),
  view: memoryView.optional(),
})
export type MemoryUpdateParams = z.input<typeof memoryUpdateParams>

export const memoryDeleteParams = z.strictObject({ expected_content_sha256: sha256.optional() })
export type MemoryDeleteParams = z.input<typeof memoryDeleteParams>

export const memoryListParams = pageParams('memories').extend({
  path_prefix: z
    .string()
    .superRefine((text, context) => {
      const problem = pathPrefixProblem(text)
      if (problem) context.addIssue({ code: 'custom', message: problem })
    })
    .optional(),
  depth: z.union([z.literal(0), z.literal(1)], 'must be 0 or 1').optional(),
  view: memoryView.optional(),
})
export type MemoryListParams = z.input<typeof memoryListParams>

/** Items of a page: fewer when they come with their content. Source: spec §2.5. */
export function pageLimit(limit: number, view: MemoryView | undefined): number {
  return view === 'full' ? Math.min(limit, memoriesWithContent) : limit
}

/** The object in the view that was asked for, or in the usual one of the operation. */
export function inView<T extends { content: string | null }>(object: T, view: MemoryView): T {
  return view === 'full' ? object : { ...object, content: null }
}
