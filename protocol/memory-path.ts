/** Where a memory lies in its store. Source: spec §17.2. */

import { limits } from './limits.ts'

/** Why this cannot be the path of a memory, or undefined when it can. */
export function memoryPathProblem(path: string): string | undefined {
  if (!path.startsWith('/')) return 'must start with "/"'
  if (!path.isWellFormed()) return 'is not valid Unicode'
  if (Buffer.byteLength(path) > limits.memoryPathBytes) return `is longer than ${limits.memoryPathBytes} bytes`
  if (/[\p{Cc}\p{Cf}\u2028\u2029]/u.test(path)) return 'has a control or format character'
  if (path.normalize('NFC') !== path) return 'is not in Unicode normalization form C'
  const segments = path.slice(1).split('/')
  if (segments.some((segment) => segment === '' || segment === '.' || segment === '..')) {
    return 'must not have empty, "." or ".." segments'
  }
  if (segments.length > limits.memoryPathSegments) return `has more than ${limits.memoryPathSegments} segments`
  return undefined
}

/** Why this cannot be the prefix of a list, or undefined when it can: "/" or a path followed by "/". */
export function pathPrefixProblem(prefix: string): string | undefined {
  if (prefix === '/') return undefined
  if (!prefix.endsWith('/')) return 'must end with "/"'
  return memoryPathProblem(prefix.slice(0, -1))
}

/** The paths above this one: `/a/b/c` lies below `/a` and `/a/b`. None of them can be a memory beside it. */
export function ancestorsOf(path: string): string[] {
  const segments = path.split('/')
  return segments.slice(2).map((_, index) => segments.slice(0, index + 2).join('/'))
}

/** The first text, in the order of bytes, behind everything that begins with this prefix, which ends with "/". */
export function behindPrefix(prefix: string): string {
  // "0" is the character behind "/".
  return `${prefix.slice(0, -1)}0`
}
