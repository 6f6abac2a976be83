import { invalidRequest } from '../protocol/errors.ts'
import { jsonFault } from './json-fault.ts'

/** Deeper ones would overflow the stack of whatever walks them later. */
const deepest = 128

/** The object in a body. Throws a 400 that says where the body goes wrong, without quoting it. */
export function parseJson(bytes: Uint8Array, charset: string): object {
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
  checkShape(value)
  return value
}

function decode(bytes: Uint8Array, charset: string): string {
  if (charset === 'iso-8859-1') return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('latin1')
  try {
    // ASCII is part of UTF-8. What is not valid would be stored as something else than was sent.
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes)
  } catch (cause) {
    throw invalidRequest('the body is not valid UTF-8', { cause })
  }
}

function describeFault(text: string, position: number): string {
  if (position >= text.length) return `it ends too early, at position ${text.length}`
  const before = text.slice(0, position).split('\n')
  return `unexpected character at position ${position} (line ${before.length}, column ${before.at(-1)!.length + 1})`
}

function checkShape(root: object): void {
  let level: object[] = [root]
  for (let depth = 1; level.length > 0; depth++) {
    if (depth > deepest) throw invalidRequest(`the body is nested more than ${deepest} levels deep`)
    const next: object[] = []
    for (const container of level) {
      // Assigned to another object it would replace that one's prototype.
      if (Object.hasOwn(container, '__proto__')) throw invalidRequest('__proto__: not a name that a field may have')
      for (const value of Object.values(container)) if (typeof value === 'object' && value !== null) next.push(value)
    }
    level = next
  }
}
