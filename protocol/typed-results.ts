/**
 * Answers that are checked against a schema: what the model is told, how its answer is read, and what it is told when the
 * answer does not fit. Pure: scripts and workflows use the same.
 */
import { z } from 'zod'

/** How often the model may answer, the first time included. */
export const defaultAttempts = 3

/** No answer fitted the schema. */
export class ResultError extends Error {
  override readonly name = 'ResultError'
  readonly code = 'result_invalid'
  /** What the model said last. */
  readonly answer: string

  constructor(attempts: number, problem: string, answer: string) {
    super(`the session gave no result that fits the schema in ${attempts} attempts; the last one: ${problem}`)
    this.answer = answer
  }
}

/** The task with what its answer has to look like. */
export function withSchema(text: string, schema: z.ZodType): string {
  return `${text}\n\n${wish(schema)}`
}

function wish(schema: z.ZodType): string {
  const json = JSON.stringify(z.toJSONSchema(schema, { io: 'input', unrepresentable: 'any' }))
  return `When the task is done, end with a message that is one JSON value and nothing else, valid by this JSON Schema:\n${json}`
}

/** What the model is told about an answer that does not fit. */
export function correction(problem: string, schema: z.ZodType): string {
  return `That answer could not be used: ${problem}\n\n${wish(schema)}`
}

/** Reads an answer: the JSON value that it is, or that it contains in a code block or as its outermost braces. */
export function readAnswer<T>(
  answer: string,
  schema: z.ZodType<T>,
): { ok: true; value: T } | { ok: false; problem: string } {
  const texts = [answer, ...[...answer.matchAll(/```(?:json)?\s*\n([\s\S]*?)```/g)].map((match) => match[1]!).reverse()]
  const [from, to] = [answer.indexOf('{'), answer.lastIndexOf('}')]
  if (from >= 0 && to > from) texts.push(answer.slice(from, to + 1))
  let problem = answer.trim() === '' ? 'there was no answer' : 'it is not JSON'
  for (const text of texts) {
    let json: unknown
    try {
      json = JSON.parse(text)
    } catch {
      continue
    }
    const read = schema.safeParse(json)
    if (read.success) return { ok: true, value: read.data }
    problem = z.prettifyError(read.error)
    break
  }
  return { ok: false, problem }
}

/**
 * Reads an answer by a schema; tells the model what was wrong and lets it try again.
 * @param say sends a message and gives the answer to it. `attempt` is 1 for the first correction
 * @throws ResultError when no attempt fitted
 */
export async function resultOf<T>(
  first: string,
  say: (text: string, attempt: number) => Promise<string>,
  schema: z.ZodType<T>,
  attempts: number = defaultAttempts,
): Promise<T> {
  let answer = first
  for (let attempt = 1; ; attempt++) {
    const read = readAnswer(answer, schema)
    if (read.ok) return read.value
    if (attempt >= attempts) throw new ResultError(attempts, read.problem, answer)
    answer = await say(correction(read.problem, schema), attempt)
  }
}
