import { parse as parseYaml } from 'yaml'
import { z } from 'zod'
import { invalidRequest } from '../protocol/errors.ts'
import { limits } from '../protocol/limits.ts'
import { parse } from '../protocol/parse.ts'

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
const shape = z.object({
  // Without one the skill is called as its folder is.
  name: name.optional(),
  description: z.string('must be a text').trim().min(1, 'must not be empty').max(limits.skillDescription),
})

/**
 * What a SKILL.md says of its skill: the YAML between the two lines `---` at its beginning. Other fields are the agent's.
 * @param folder name of the skill's folder
 * @throws ApiError 400
 */
export function readFrontMatter(content: Buffer, folder: string): FrontMatter {
  const fields = parse(shape, mappingOf(frontMatterOf(content)), where)
  return {
    description: fields.description,
    name: fields.name ?? parse(name, folder, `${where}: name, or its folder's`),
  }
}

function frontMatterOf(content: Buffer): string {
  // Whoever is given more would have to wait for what comes of it.
  const beginning = content.subarray(0, limits.skillFrontMatterBytes)
  const text = decode(content).slice(0, beginning.length)
  const found = /^\uFEFF?---[ \t]*\r?\n([\s\S]*?)\r?\n---[ \t]*(?:\r?\n|$)/.exec(text)
  if (found) return found[1]!
  throw invalidRequest(
    `${where}: has to begin with its front matter, name and description as YAML between two lines "---", of at most ${limits.skillFrontMatterBytes} bytes`,
  )
}

function decode(content: Buffer): string {
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(content)
  } catch (cause) {
    throw invalidRequest(`${where}: is not UTF-8`, { cause })
  }
}

function mappingOf(text: string): object {
  let value: unknown
  try {
    value = parseYaml(text, { logLevel: 'error', maxAliasCount: 10 })
  } catch (cause) {
    const [first] = (cause as Error).message.split('\n')
    throw invalidRequest(`${where}: its front matter is no YAML: ${first}`, { cause })
  }
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value
  throw invalidRequest(`${where}: its front matter has to be a mapping with name and description`)
}
