import type { z } from 'zod'
import { limits } from '../../protocol/limits.ts'
import type { JsonSchema, JsonSchemas } from './json-schema.ts'
import type { Operation } from './operation.ts'

/** The parameters of a path, a query and headers. Source: spec §2.4. */
export function parametersOf(operation: Operation, schemas: JsonSchemas): JsonSchema[] {
  const path = [...operation.path.matchAll(/\{(\w+)\}/g)].map(([, name]) => ({
    name,
    in: 'path',
    required: true,
    schema: { type: 'string' },
  }))
  const header = { name: 'Idempotency-Key', in: 'header', schema: { type: 'string', maxLength: limits.idempotencyKey } }
  return [...path, ...queryOf(operation.query, schemas), ...(operation.idempotent ? [header] : [])]
}

function queryOf(query: z.ZodObject | undefined, schemas: JsonSchemas): JsonSchema[] {
  if (!query) return []
  const { properties = {} } = schemas.of(query, 'input') as { properties?: Record<string, JsonSchema> }
  return Object.entries(properties).flatMap(([name, property]) => {
    const schema = withoutNull(property)
    if (schema.type === 'array') return [{ name: `${name}[]`, in: 'query', style: 'form', explode: true, schema }]
    if (schema.type !== 'object') return [{ name, in: 'query', schema }]
    const bounds = schema.properties as Record<string, JsonSchema>
    return Object.entries(bounds).map(([bound, inner]) => ({ name: `${name}[${bound}]`, in: 'query', schema: inner }))
  })
}

/** Null has no form in a query. */
function withoutNull(schema: JsonSchema): JsonSchema {
  const options = schema.anyOf as JsonSchema[] | undefined
  return options?.find((option) => option.type !== 'null') ?? schema
}
