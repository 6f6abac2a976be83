import type Anthropic from '@anthropic-ai/sdk'
import { APIError } from '@anthropic-ai/sdk'
import { createParser } from 'eventsource-parser'

type StreamEvent = Anthropic.RawMessageStreamEvent

/**
 * The events of a streamed reply, as many at once as have come; pings are none. The SDK hands them out one by one, each
 * through three generators.
 * @throws APIError for an error within the stream; the signal's reason when it aborts, also while nothing comes
 */
export async function* replyEvents(response: Response, signal: AbortSignal): AsyncGenerator<StreamEvent[], void> {
  const reader = response.body?.getReader()
  if (!reader) return
  let events: StreamEvent[] = []
  const parser = createParser({
    onEvent({ event, data }) {
      if (event === 'error') throw new APIError(undefined, json(data), undefined, response.headers)
      if (event === undefined || event === 'ping' || data === '') return
      events.push(JSON.parse(data))
    },
  })
  const decoder = new TextDecoder()
  // A read that hangs must not outlive the abort.
  const aborted = Promise.withResolvers<never>()
  aborted.promise.catch(() => {})
  const abort = () => aborted.reject(signal.reason)
  signal.addEventListener('abort', abort, { once: true })
  try {
    for (;;) {
      signal.throwIfAborted()
      const { done, value } = await Promise.race([reader.read(), aborted.promise])
      if (done) return
      parser.feed(decoder.decode(value, { stream: true }))
      if (events.length > 0) yield events
      events = []
    }
  } finally {
    signal.removeEventListener('abort', abort)
    reader.cancel().catch(() => {})
  }
}

function json(data: string): object {
  try {
    return JSON.parse(data)
  } catch {
    return { type: 'error', error: { message: data } }
  }
}
