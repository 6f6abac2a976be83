/** A place in a session's log: run, history event, index of the public event within it. */
export interface Cursor {
  run: number
  event: number
  index: number
}

/** The cursor as text: the SSE `id:`, what `Last-Event-ID` and `after` take. */
export function formatCursor({ run, event, index }: Cursor): string {
  return `${run}.${event}.${index}`
}

/** Reads a cursor; undefined when the text is none. */
export function parseCursor(text: string): Cursor | undefined {
  const match = /^(\d{1,9})\.(\d{1,9})\.(\d{1,9})$/.exec(text)
  return match ? { run: Number(match[1]), event: Number(match[2]), index: Number(match[3]) } : undefined
}

/** Negative when `a` lies before `b`, positive behind it, 0 at the same place. */
export function compareCursors(a: Cursor, b: Cursor): number {
  return a.run - b.run || a.event - b.event || a.index - b.index
}
