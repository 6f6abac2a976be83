/** Tools that the client runs. Source: spec §3.2, §3.6. */
import { z } from 'zod'
import { invalidRequest } from './errors.ts'

const inputSchema = z.looseObject({
  type: z.literal('object'),
  properties: z.record(z.string(), z.unknown()).nullish(),
  required: z.array(z.string()).nullish(),
})
export const customTool = z.strictObject({
  type: z.literal('custom'),
  name: z.string().regex(/^[A-Za-z0-9_-]{1,128}$/, 'must be 1 to 128 letters, digits, "_" or "-"'),
  description: z.string().refine((text) => text.trim() !== '', 'must not be empty'),
  input_schema: inputSchema,
})
export type CustomTool = z.output<typeof customTool>

/** Schemas nest by nature; what is deeper than this was made to break a parser. */
const deepest = 64

/** @throws ApiError 400 that names the place below `where` */
export function checkCustomTool(tool: CustomTool, reserved: readonly string[], where: string): void {
  if (reserved.includes(tool.name)) throw invalidRequest(`${where}.name: "${tool.name}" is the name of a built-in tool`)
  if (tool.name.startsWith('mcp__')) throw invalidRequest(`${where}.name: the prefix "mcp__" is reserved`)
  for (const keyword of ['oneOf', 'anyOf', 'allOf']) {
    if (keyword in tool.input_schema)
      throw invalidRequest(`${where}.input_schema: "${keyword}" is not allowed at the top`)
  }
  checkSchema(tool.input_schema, `${where}.input_schema`, 0)
}

/** Keywords whose value is data, not a schema: what looks like a keyword in there is none. */
const data = ['const', 'default', 'enum', 'example', 'examples']
/** Keywords whose value is a map of names to schemas. */
const maps = ['properties', 'patternProperties', '$defs', 'definitions', 'dependentSchemas']

function checkSchema(schema: unknown, where: string, depth: number): void {
  if (depth > deepest) throw invalidRequest(`${where}: nested deeper than ${deepest} levels`)
  if (Array.isArray(schema)) {
    for (const [index, part] of schema.entries()) checkSchema(part, `${where}.${index}`, depth + 1)
    return
  }
  if (typeof schema !== 'object' || schema === null) return
  for (const [key, value] of Object.entries(schema)) {
    if (key === '$ref') throw invalidRequest(`${where}: "$ref" is not allowed`)
    if (data.includes(key)) {
      checkDepth(value, `${where}.${key}`, depth + 1)
      continue
    }
    const isMap = maps.includes(key) && typeof value === 'object' && value !== null && !Array.isArray(value)
    if (!isMap) {
      checkSchema(value, `${where}.${key}`, depth + 1)
      continue
    }
    for (const [name, part] of Object.entries(value)) {
      if (key === 'properties' && !/^[A-Za-z0-9_.-]{1,64}$/.test(name)) {
        throw invalidRequest(
          `${where}.properties: ${JSON.stringify(name)} is no property name (1 to 64 letters, digits, "_", ".", "-")`,
        )
      }
      checkSchema(part, `${where}.${key}.${name}`, depth + 1)
    }
  }
}

function checkDepth(value: unknown, where: string, depth: number): void {
  if (depth > deepest) throw invalidRequest(`${where}: nested deeper than ${deepest} levels`)
  if (typeof value !== 'object' || value === null) return
  for (const part of Object.values(value)) checkDepth(part, where, depth + 1)
}
