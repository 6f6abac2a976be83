import { readFileSync } from 'node:fs'
import path from 'node:path'
import { packageRoot } from '../../worker/package-root.ts'

/** A row of the table "Not offered" in docs/divergences.md: what is not there, and why. */
export interface NotOffered {
  /** As it is written: a name, or a name with `*` for the rest of it. */
  pattern: string
  reason: string
}

export function notOffered(): NotOffered[] {
  const text = readFileSync(path.join(packageRoot, 'docs', 'divergences.md'), 'utf8')
  const section = text.split(/^## /m).find((part) => part.startsWith('Not offered'))
  if (!section) throw new Error('docs/divergences.md has no section "Not offered"')
  const rows = section.split('\n').filter((line) => line.startsWith('| `'))
  return rows.flatMap((row) => {
    const [, names = '', reason = ''] = row.split('|')
    return [...names.matchAll(/`([^`]+)`/g)].map(([, pattern]) => ({ pattern: pattern!, reason: reason.trim() }))
  })
}

export function matches({ pattern }: NotOffered, name: string): boolean {
  return pattern.endsWith('*') ? name.startsWith(pattern.slice(0, -1)) : name === pattern
}
