import { z } from 'zod'

export type JsonSchema = Record<string, unknown>

/**
 * Turns zod schemas into those of OpenAPI 3.1, which are JSON Schema 2020-12. A schema with an id (`.meta({ id })`)
 * becomes a component. What zod checks by a function is not in it.
 */
export class JsonSchemas {
  readonly components: Record<string, JsonSchema> = {}

  /** @param io whether the schema is of what comes in or of what goes out: defaults are optional in the former only */
  of(schema: z.ZodType, io: 'input' | 'output'): JsonSchema {
    const made = z.toJSONSchema(schema, { io, unrepresentable: 'any' })
    const text = JSON.stringify(made).replaceAll('"#/$defs/', '"#/components/schemas/')
    const {
      $schema: _schema,
      $defs = {},
      ...rest
    } = JSON.parse(text) as JsonSchema & { $defs?: Record<string, JsonSchema> }
    for (const [name, { id: _id, ...component }] of Object.entries($defs)) this.components[name] = component
    if (typeof rest.id !== 'string') return rest
    const { id, ...component } = rest
    this.components[id as string] = component
    return { $ref: `#/components/schemas/${id}` }
  }
}
