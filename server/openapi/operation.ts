import { z } from 'zod'

/** What an endpoint answers when all is well. */
export type Answer =
  | { kind: 'json'; schema: z.ZodType }
  /** An event stream; the schema is that of the JSON in each `data:`. */
  | { kind: 'events'; schema: z.ZodType }
  /** The content of a file, of any type. */
  | { kind: 'content' }

/**
 * One endpoint as the document shows it. Every route of the server has one in `operations/`: a test compares the two
 * lists.
 */
export interface Operation {
  /** Name of the method in the official SDK below `client.beta`, such as `sessions.events.send`. */
  id: string
  method: 'GET' | 'POST' | 'PATCH' | 'PUT' | 'DELETE'
  /** With its parameters as `{name}`. */
  path: string
  summary: string
  /** Object of the query's parameters: an array is a parameter `name[]`, an object are parameters `name[bound]`. */
  query?: z.ZodObject
  /** The schema that parses the body. */
  body?: z.ZodType
  /** The body is multipart/form-data of this shape. */
  upload?: z.ZodObject
  /** Takes the header `Idempotency-Key`. */
  idempotent?: true
  answer: Answer
}

export const json = (schema: z.ZodType): Answer => ({ kind: 'json', schema })

/** One page of a list. Source: spec §2.5. */
export const page = (of: z.ZodType): Answer =>
  json(z.looseObject({ data: z.array(of), next_page: z.string().nullable() }))

/** The answer to a deletion. */
export const deleted = <Type extends string>(type: Type): Answer =>
  json(z.looseObject({ id: z.string(), type: z.literal(type) }))
