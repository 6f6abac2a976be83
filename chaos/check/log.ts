import { isDeepStrictEqual } from 'node:util'
import { compareCursors, parseCursor } from '../../log/cursor.ts'
import type { SeenEvent, StreamItem } from '../event-stream.ts'
import type { Evidence } from '../evidence.ts'
import type { CheckFinding } from './finding.ts'

/** Everything that was accepted is in the log, once, and every reader sees the same. */
export function checkLog({ accepted, listed, pages, streams }: Evidence): CheckFinding[] {
  const found: CheckFinding[] = []
  const counts = Map.groupBy(listed, ({ id }) => id)
  for (const { key, ids } of accepted) {
    for (const id of ids) {
      const [event] = counts.get(id) ?? []
      if (!event) found.push({ kind: 'lost', text: `${id}, accepted under ${key}, is not in the list` })
      else if (!event.processed_at) found.push({ kind: 'lost', text: `${id}, accepted under ${key}, is not processed` })
    }
  }
  for (const [id, events] of counts)
    if (events.length > 1) found.push({ kind: 'doubled', text: `${id} is listed twice` })
  for (const [mark, count] of marksOf(listed))
    if (count > 1) found.push({ kind: 'doubled', text: `the message ${mark} is listed ${count} times` })
  for (const [mark, count] of said(listed))
    if (count > 1) found.push({ kind: 'doubled', text: `"said ${mark}" is said ${count} times` })
  const difference = firstDifference(listed, pages)
  if (difference) found.push({ kind: 'reordered', text: `small pages: ${difference}` })
  for (const [index, items] of streams.entries())
    found.push(
      ...checkStream(items, listed).map((finding) => ({ ...finding, text: `reader ${index + 1}: ${finding.text}` })),
    )
  return found
}

function checkStream(items: StreamItem[], listed: SeenEvent[]): CheckFinding[] {
  const found: CheckFinding[] = []
  for (const [index, { cursor }] of items.entries()) {
    const before = items[index - 1]?.cursor
    if (before === undefined) continue
    const order = compareCursors(parseCursor(before)!, parseCursor(cursor)!)
    if (order >= 0) found.push({ kind: order === 0 ? 'doubled' : 'reordered', text: `${cursor} came after ${before}` })
  }
  // An event that is received is on the stream at once; in the list it stands where it is processed.
  const processed = items.map(({ event }) => event).filter((event) => event.processed_at)
  const difference = firstDifference(listed, processed)
  if (difference) {
    const kind = processed.length < listed.length ? 'lost' : processed.length > listed.length ? 'doubled' : 'reordered'
    found.push({ kind, text: `the stream: ${difference}` })
  }
  return found
}

function firstDifference(wanted: SeenEvent[], given: SeenEvent[]): string | undefined {
  for (let index = 0; index < Math.max(wanted.length, given.length); index++) {
    if (isDeepStrictEqual(wanted[index], given[index])) continue
    const show = (event: SeenEvent | undefined) => JSON.stringify(event)?.slice(0, 300) ?? 'nothing'
    return `event ${index} of ${wanted.length} (${given.length}) is ${show(given[index])}, in the list ${show(wanted[index])}`
  }
  return undefined
}

const textOf = (event: SeenEvent) =>
  (event.content as { type: string; text?: string }[] | undefined)?.map(({ text }) => text ?? '').join('\n') ?? ''

/** How often each message of the customer is there. */
function marksOf(events: SeenEvent[]): Map<string, number> {
  return countMatches(events, 'user.message', /\{([\w.]+)\}/)
}

/** How often each last word of the model is there. */
function said(events: SeenEvent[]): Map<string, number> {
  return countMatches(events, 'agent.message', /said ([\w.]+)/)
}

function countMatches(events: SeenEvent[], type: string, pattern: RegExp): Map<string, number> {
  const counts = new Map<string, number>()
  for (const event of events) {
    const mark = event.type === type && pattern.exec(textOf(event))?.[1]
    if (mark) counts.set(mark, (counts.get(mark) ?? 0) + 1)
  }
  return counts
}
