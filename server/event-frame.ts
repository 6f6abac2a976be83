import type { StreamedEvent } from '../client/api.ts'

/**
 * One event of a stream. It is named `message`, the one name that all decoders of the official SDKs take: newer ones
 * drop events without a name, older ones those with a name that they do not know. Its id is its place in the log;
 * previews have none. Source: spec §8.3.
 */
export function eventFrame(streamed: StreamedEvent): string {
  const { cursor, event } = streamed
  // A preview is for one reader; the others of an event get what was written for the first.
  if (cursor === undefined) return `event: message\ndata: ${oneLine(event)}\n\n`
  let frame = frames.get(streamed)
  if (frame === undefined) {
    frame = `event: message\nid: ${cursor}\ndata: ${oneLine(event)}\n\n`
    frames.set(streamed, frame)
  }
  return frame
}

const frames = new WeakMap<StreamedEvent, string>()

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
