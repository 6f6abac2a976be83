import type { MemoryStoreResource } from '../../protocol/sessions.ts'

/** Something in a memory folder that is not in the store. */
export interface Unsaved {
  /** In the container. */
  path: string
  reason: string
}

/** Lines that the agent gets at most: a folder with a thousand wrong files fills no context. */
const mostLines = 10

/** What the agent reads below the result of a tool call; nothing when all is well. */
export function notes(unsaved: Unsaved[], faulty: Pick<MemoryStoreResource, 'mount_path'>[]): string | undefined {
  if (unsaved.length === 0 && faulty.length === 0) return undefined
  const lines = unsaved.slice(0, mostLines).map(({ path, reason }) => `- ${printable(path)}: ${reason}`)
  if (unsaved.length > mostLines) lines.push(`- and ${unsaved.length - mostLines} more`)
  for (const { mount_path } of faulty) {
    lines.push(`- ${mount_path}: the store cannot be reached now; what you wrote is saved later`)
  }
  return ['[About your memory stores]', ...lines].join('\n')
}

/** Names may hold anything. */
const printable = (path: string) =>
  path
    .toWellFormed()
    .replace(/\p{Cc}/gu, '?')
    .slice(0, 300)
