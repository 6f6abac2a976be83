import { Ajv2020 } from 'ajv/dist/2020.js'
import { wellFormed } from '../../protocol/well-formed.ts'

type JsonSchema = Record<string, unknown> & { type: 'object' }

const ajv = new Ajv2020({ strict: false, logger: false })
const longest = 64 * 1024
const deepest = 64
const shown = 4000

/**
 * A tool's input schema in a form that the Messages API takes: one that it would refuse would spoil every request of the
 * session. What cannot be had is left to the server to check; the model then finds the schema in the description.
 */
export function inputSchema(given: unknown): { schema: JsonSchema; note?: string } {
  if (typeof given !== 'object' || given === null || Array.isArray(given)) return { schema: { type: 'object' } }
  if (!isShallow(given, 0)) return { schema: { type: 'object' } }
  const whole = wellFormed(given)
  // A schema of the schema in it may name an older draft; combinations are not taken at the top.
  const { $schema: _draft, oneOf, anyOf, allOf, ...rest } = whole as Record<string, unknown>
  const schema = { ...rest, type: 'object' as const }
  if (oneOf === undefined && anyOf === undefined && allOf === undefined && isTaken(schema)) return { schema }
  return {
    schema: isTaken(schema) ? schema : { type: 'object' },
    note: `The input's schema, as the server gives it: ${JSON.stringify(whole).slice(0, shown)}`,
  }
}

function isTaken(schema: object): boolean {
  if (JSON.stringify(schema).length > longest || !hasPlainNames(schema)) return false
  try {
    return ajv.validateSchema(schema) === true
  } catch {
    return false
  }
}

function isShallow(value: unknown, depth: number): boolean {
  if (depth > deepest) return false
  if (typeof value !== 'object' || value === null) return true
  return Object.values(value).every((part) => isShallow(part, depth + 1))
}

/** Property names are restricted, and references must stay within the schema. */
function hasPlainNames(value: unknown): boolean {
  if (typeof value !== 'object' || value === null) return true
  return Object.entries(value).every(([key, part]) => {
    if (key === '$ref' && !(typeof part === 'string' && part.startsWith('#'))) return false
    const isMap = key === 'properties' && typeof part === 'object' && part !== null && !Array.isArray(part)
    if (isMap && !Object.keys(part).every((name) => /^[A-Za-z0-9_.-]{1,64}$/.test(name))) return false
    return hasPlainNames(part)
  })
}
