/** Key-value pairs that users hang on objects. Source: spec §2.8. */
import { z } from 'zod'
import { invalidRequest } from './errors.ts'
import { limits } from './limits.ts'

export type Metadata = Record<string, string>

const key = z.string().min(1).max(limits.metadataKey)
const value = z.string().max(limits.metadataValue)

export const metadataParams = z.record(key, value).refine((bag) => Object.keys(bag).length <= limits.metadataPairs, {
  error: `at most ${limits.metadataPairs} pairs`,
})

/** A change of metadata: a string sets, null removes, what is absent stays. */
export const metadataPatch = z.record(key, value.nullable())
export type MetadataPatch = z.infer<typeof metadataPatch>

/** The bag after the patch. Throws a 400 when it holds too many pairs. */
export function patchMetadata(bag: Metadata, patch: MetadataPatch): Metadata {
  const result = { ...bag }
  for (const [name, text] of Object.entries(patch)) {
    if (text === null) delete result[name]
    else result[name] = text
  }
  if (Object.keys(result).length > limits.metadataPairs) {
    throw invalidRequest(`metadata: at most ${limits.metadataPairs} pairs`, { code: 'invalid_metadata' })
  }
  return result
}
