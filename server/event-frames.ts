import type { StreamedEvent } from '../client/api.ts'

/** Characters of events that are written at once. */
const chunkLength = 64 * 1024

/** Events as they are written, some at once. All readers who are given the same events get what was made for the first. */
export function* framesOf(events: readonly StreamedEvent[]): Generator<Buffer, void> {
  let written = known.get(events)
  if (!written) {
    written = { chunks: [], next: 0 }
    known.set(events, written)
  }
  for (let index = 0; ; index++) {
    if (index === written.chunks.length && !extend(written, events)) return
    yield written.chunks[index]!
  }
}

/** As much as somebody has asked for. */
interface Written {
  chunks: Buffer[]
  /** The first event that is not in them. */
  next: number
}

const known = new WeakMap<readonly StreamedEvent[], Written>()

function extend(written: Written, events: readonly StreamedEvent[]): boolean {
  let text = ''
  while (written.next < events.length && text.length < chunkLength) text += eventFrame(events[written.next++]!)
  if (text !== '') written.chunks.push(Buffer.from(text))
  return text !== ''
}

/**
 * One event of a stream. It is named `message`, the one name that all decoders of the official SDKs take: newer ones
 * drop events without a name, older ones those with a name that they do not know. Its id is its place in the log;
 * previews have none. Source: spec §8.3.
 */
function eventFrame(streamed: StreamedEvent): string {
  const { cursor, event } = streamed
  const place = cursor === undefined ? '' : `id: ${cursor}\n`
  return `event: message\n${place}data: ${oneLine(event)}\n\n`
}

/** The last frame of a stream that broke; SDKs raise what is in it. */
export function errorFrame(envelope: object): string {
  return `event: error\ndata: ${oneLine(envelope)}\n\n`
}

// Some decoders end a line also where Unicode does.
const oneLine = (value: object) =>
  JSON.stringify(value).replace(
    /[\u0085\u2028\u2029]/g,
    (end) => `\\u${end.charCodeAt(0).toString(16).padStart(4, '0')}`,
  )
