import fc from 'fast-check'
import { idOf, type Kind } from './values.ts'

type Schema = Record<string, unknown> & {
  type?: string | string[]
  properties?: Record<string, Schema>
  items?: Schema
}

/** Fields that name an object: what is in them is looked up, so a living id gets a request further. */
const named: Record<string, Kind> = {
  agent: 'agent',
  environment_id: 'environment',
  file_id: 'file',
  scope_id: 'session',
  tool_use_id: 'event',
  custom_tool_use_id: 'event',
  agent_id: 'agent',
  skill_id: 'skill',
}

/** Values that a JSON schema of the document describes, mostly; deep ones end early. */
export function fromSchema(
  schema: Schema,
  components: Record<string, Schema>,
  field = '',
  depth = 0,
): fc.Arbitrary<unknown> {
  const inner = (part: Schema, name = field) => fromSchema(part, components, name, depth + 1)
  if (typeof schema.$ref === 'string') return inner(components[schema.$ref.split('/').at(-1)!]!)
  const options = (schema.anyOf ?? schema.oneOf) as Schema[] | undefined
  if (options) return fc.oneof(...options.map((option) => inner(option)))
  if ('const' in schema) return fc.constant(schema.const)
  if (schema.enum) return fc.constantFrom(...(schema.enum as unknown[]))
  const type = Array.isArray(schema.type) ? schema.type : [schema.type]
  return fc.oneof(...type.map((one) => ofType(one, schema, field, depth, inner)))
}

function ofType(
  type: string | undefined,
  schema: Schema,
  field: string,
  depth: number,
  inner: (part: Schema, name?: string) => fc.Arbitrary<unknown>,
): fc.Arbitrary<unknown> {
  switch (type) {
    case 'object': {
      const { properties = {}, required = [], additionalProperties } = schema
      const needed = required as string[]
      if (Object.keys(properties).length === 0 && typeof additionalProperties === 'object') {
        return fc.dictionary(fc.string({ maxLength: 8 }), inner(additionalProperties as Schema), { maxKeys: 3 })
      }
      const wanted = Object.entries(properties).filter(([name]) => depth < 6 || needed.includes(name))
      const model = Object.fromEntries(wanted.map(([name, part]) => [name, inner(part, name)]))
      // What may be anything is mostly not offered yet: given always, it would hide the rest.
      const open = wanted.filter(([name, part]) => !needed.includes(name) && Object.keys(part).length === 0)
      for (const [name] of open)
        model[name] = fc.oneof({ weight: 9, arbitrary: fc.constant(null) }, { weight: 1, arbitrary: model[name]! })
      return fc.record(model, { requiredKeys: needed, noNullPrototype: true })
    }
    case 'array':
      return depth > 6 || !schema.items ? fc.constant([]) : fc.array(inner(schema.items), { maxLength: 3 })
    case 'string':
      return named[field] ? fc.constant(idOf(named[field])) : text(schema)
    case 'integer':
    case 'number':
      return fc.integer({ min: Number(schema.minimum ?? -5), max: Math.min(Number(schema.maximum ?? 50), 5000) })
    case 'boolean':
      return fc.boolean()
    case 'null':
      return fc.constant(null)
    default:
      return fc.jsonValue({ maxDepth: 2 })
  }
}

function text({ format, minLength = 0, maxLength = 30 }: Schema): fc.Arbitrary<string> {
  if (format === 'date-time') return fc.date({ noInvalidDate: true }).map((date) => date.toISOString())
  if (format === 'uri') return fc.webUrl()
  if (format === 'base64') return fc.base64String()
  const bounds = { minLength: Number(minLength), maxLength: Math.min(Number(maxLength), 30) }
  return fc.oneof(fc.string(bounds), fc.constantFrom('name', 'always_allow', 'text/plain', 'example.com'))
}
