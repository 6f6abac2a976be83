/** The front matter of a SKILL.md: YAML between two lines `---` at its beginning. Source: spec §20. */
import { parse as parseYaml } from 'yaml'
import { z } from 'zod'
import { invalidRequest } from './errors.ts'
import { limits } from './limits.ts'
import { parse } from './parse.ts'

export interface FrontMatter {
  name: string
  description: string
}

const where = 'SKILL.md'
const reserved = ['anthropic', 'claude']

const name = z
  .string('must be a text')
  .min(1)
  .max(limits.skillName)
  .regex(/^[a-z0-9]+(-[a-z0-9]+)*$/, 'must be lower-case letters, digits and single hyphens between them')
  .refine((text) => !reserved.some((word) => text.includes(word)), `must not contain ${reserved.join(' or ')}`)
const described = z.object({
  description: z.string('must be a text').trim().min(1, 'must not be empty').max(limits.skillDescription),
})
// Without a name the skill is called as its folder is.
const shape = described.extend({ name: name.optional() })

/**
 * What a SKILL.md says of its skill. Other fields than these are the agent's.
 * @param folder name of the skill's folder
 * @throws ApiError 400
 */
export function readFrontMatter(content: Uint8Array, folder: string): FrontMatter {
  const fields = parse(shape, mappingOf(textOf(content)), where)
  return {
    description: fields.description,
    name: fields.name ?? parse(name, folder, `${where}: name, or its folder's`),
  }
}

/** The description alone, of a file that nobody has checked before. Undefined when it has none. */
export function descriptionIn(text: string): string | undefined {
  try {
    return parse(described, mappingOf(text)).description
  } catch {
    return undefined
  }
}

function textOf(content: Uint8Array): string {
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(content)
  } catch (cause) {
    throw invalidRequest(`${where}: is not UTF-8`, { cause })
  }
}

function mappingOf(text: string): object {
  const yaml = frontMatterOf(text)
  let value: unknown
  try {
    value = parseYaml(yaml, { logLevel: 'error', maxAliasCount: 10 })
  } catch (cause) {
    const [first] = (cause as Error).message.split('\n')
    throw invalidRequest(`${where}: its front matter is no YAML: ${first}`, { cause })
  }
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value
  throw invalidRequest(`${where}: its front matter has to be a mapping with name and description`)
}

function frontMatterOf(text: string): string {
  // Whoever is given more would have to wait for what comes of it.
  const beginning = text.slice(0, limits.skillFrontMatterCharacters)
  const found = /^\uFEFF?---[ \t]*\r?\n([\s\S]*?)\r?\n---[ \t]*(?:\r?\n|$)/.exec(beginning)
  if (found) return found[1]!
  throw invalidRequest(
    `${where}: has to begin with its front matter, name and description as YAML between two lines "---", of at most ${limits.skillFrontMatterCharacters} characters`,
  )
}
