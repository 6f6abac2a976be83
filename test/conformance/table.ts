export interface Line {
  name: string
  /** The tests that cover it. */
  by?: string[]
  /** Why it is not offered. */
  reason?: string
}

/** The lines as a table for people: what, and by which test it is covered or why it is not offered. */
export function table(title: string, lines: Line[]): string {
  const width = Math.max(...lines.map(({ name }) => name.length))
  const covered = lines.filter(({ by }) => by).length
  const rows = lines.map(({ name, by, reason }) => {
    const more = by && by.length > 1 ? ` (+${by.length - 1})` : ''
    return `  ${name.padEnd(width)}  ${by ? `✓ ${by[0]}${more}` : reason ? `– ${reason}` : '✗ NOT COVERED'}`
  })
  return [`${title}: ${covered} of ${lines.length} covered`, ...rows].join('\n')
}
