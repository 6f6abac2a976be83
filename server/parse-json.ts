import { invalidRequest } from '../protocol/errors.ts'
import { countValues } from './count-values.ts'
import { jsonFault } from './json-fault.ts'

/** Deeper ones would overflow the stack of whatever walks them later. */
const deepest = 128

/**
 * The object in a body. Throws a 400 that says where the body goes wrong, without quoting it.
 * @param mostValues how many values it may have, those in lists and objects among them
 */
export function parseJson(bytes: Buffer, charset: string, mostValues: number): object {
  // Before anything is made of it: of the smallest ones, 32 MB make more objects than a process has time and memory for.
  if (countValues(bytes, mostValues) > mostValues) {
    throw invalidRequest(`the body has more than ${mostValues} values: send less at once`)
  }
  const text = decode(bytes, charset)
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch {
    throw invalidRequest(`the body is not valid JSON: ${describeFault(text, jsonFault(text))}`)
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw invalidRequest('the body must be a JSON object')
  }
  checkShape(value, 1)
  return value
}

function decode(bytes: Buffer, charset: string): string {
  if (charset === 'iso-8859-1') return bytes.toString('latin1')
  try {
    // ASCII is part of UTF-8. What is not valid would be stored as something else than was sent.
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes)
  } catch (cause) {
    throw invalidRequest('the body is not valid UTF-8', { cause })
  }
}

function describeFault(text: string, position: number): string {
  if (position >= text.length) return `it ends too early, at position ${text.length}`
  let line = 1
  let lineStart = 0
  for (let end = text.indexOf('\n'); end >= 0 && end < position; end = text.indexOf('\n', lineStart)) {
    line++
    lineStart = end + 1
  }
  return `unexpected character at position ${position} (line ${line}, column ${position - lineStart + 1})`
}

function checkShape(container: object, depth: number): void {
  if (depth > deepest) throw invalidRequest(`the body is nested more than ${deepest} levels deep`)
  // Assigned to another object it would replace that one's prototype.
  if (Object.hasOwn(container, '__proto__')) throw invalidRequest('__proto__: not a name that a field may have')
  for (const value of Array.isArray(container) ? container : Object.values(container)) {
    if (typeof value === 'object' && value !== null) checkShape(value, depth + 1)
  }
}
