/** Result of a tool call; the blocks are those of the API. Nothing is imported here: this runs alone in the container. */
export interface Result {
  content: Block[]
  is_error: boolean
  outcome: 'done' | 'interrupted'
}
export type Block =
  | { type: 'text'; text: string }
  | { type: 'image' | 'document'; source: { type: 'base64'; media_type: string; data: string } }

/** A failure that the model can do something about. */
export class ToolError extends Error {}

export const toolText = (text: string): Result => result(text, false)
export const toolError = (text: string): Result => result(text, true)

/** The result of a call that was stopped before it had begun. */
export const notBegun = (): Result => ({
  ...toolError('The call was interrupted by the user before it began.'),
  outcome: 'interrupted',
})

/** The model's API refuses blank texts and halves of characters: one such result would spoil every later request. */
function result(text: string, isError: boolean): Result {
  const shown = text.trim() === '' ? '(no output)' : text.toWellFormed()
  return { content: [{ type: 'text', text: shown }], is_error: isError, outcome: 'done' }
}

interface Types {
  string: string
  boolean: boolean
  number: number
}

/** A field of a tool's input, undefined when absent. Throws a ToolError that names it when it is of another type. */
export function optional<T extends keyof Types>(
  input: Record<string, unknown>,
  name: string,
  type: T,
): Types[T] | undefined {
  const value = input[name]
  if (value === undefined || value === null) return undefined
  const actual = typeof value
  if (actual !== type) throw new ToolError(`${name} must be a ${type}, not a ${actual}`)
  return value as Types[T]
}

export function required<T extends keyof Types>(input: Record<string, unknown>, name: string, type: T): Types[T] {
  const value = optional(input, name, type)
  if (value === undefined) throw new ToolError(`${name} is required`)
  return value
}
