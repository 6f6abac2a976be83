import type { ServerResponse } from 'node:http'
import type { FastifyReply, FastifyRequest } from 'fastify'
import type { EventStream, StreamedEvent } from '../client/api.ts'
import type { ApiError } from '../protocol/errors.ts'
import { unavailable } from '../protocol/errors.ts'
import { envelope } from './envelope.ts'
import { errorFrame, framesOf } from './event-frames.ts'
import type { ServerLimits } from './limits.ts'

export interface EventStreamsOptions {
  limits: ServerLimits
  /** What a stream that broke says to its reader. */
  onError: (error: unknown, request: FastifyRequest) => ApiError
}

/** Serves event streams (SSE) and knows the open ones. Source: spec §8.3, design §3. */
export class EventStreams {
  /** Streams that are open or about to be, each with what ends it; those with a head also get comments. */
  readonly #open = new Map<ServerResponse, AbortController>()
  readonly #options: EventStreamsOptions
  #timer: NodeJS.Timeout | undefined
  #ended = false

  constructor(options: EventStreamsOptions) {
    this.#options = options
  }

  /** Opens a stream and sends its head once `open` has resolved; before that errors are answered as usual. */
  async serve(
    request: FastifyRequest,
    reply: FastifyReply,
    open: (signal: AbortSignal) => Promise<EventStream>,
  ): Promise<void> {
    if (this.#ended) throw closing()
    const leaving = new AbortController()
    const response = reply.raw
    response.once('close', () => leaving.abort(gone))
    this.#add(response, leaving)
    try {
      const events = await open(leaving.signal).catch((error) => {
        if (!leaving.signal.aborted) throw error
        if (!response.destroyed) throw closing()
      })
      // From here on nobody else answers; when the client has gone meanwhile, nobody at all.
      reply.hijack()
      if (events) await this.#send(events, request, response, leaving.signal)
    } finally {
      this.#remove(response)
    }
  }

  /** Ends every stream cleanly, and lets nobody open another; readers come back when the server does. */
  end(): void {
    this.#ended = true
    for (const [response, leaving] of this.#open) {
      leaving.abort(gone)
      if (response.headersSent) response.end()
    }
  }

  async #send(
    events: EventStream,
    request: FastifyRequest,
    response: ServerResponse,
    leaving: AbortSignal,
  ): Promise<void> {
    const iterator = (events.batches?.() ?? alone(events))[Symbol.asyncIterator]()
    // Also while it waits for an event: nobody would be there to take it.
    const free = () => void iterator.return?.().catch(() => {})
    leaving.addEventListener('abort', free)
    try {
      if (leaving.aborted) return void response.destroy()
      writeHead(response, request.id)
      for (;;) {
        const { done, value } = await iterator.next()
        if (done || leaving.aborted) break
        // Little waits for a slow reader; the rest stays in the log.
        for (const frames of framesOf(value)) {
          if (!response.write(frames)) await drained(response)
          if (leaving.aborted) break
        }
      }
    } catch (error) {
      if (leaving.aborted) return
      response.write(errorFrame(envelope(this.#options.onError(error, request), request.id)))
    } finally {
      free()
      response.end()
    }
  }

  #add(response: ServerResponse, leaving: AbortController): void {
    this.#open.set(response, leaving)
    // One timer for all: a thousand readers cost one wake-up.
    this.#timer ??= setInterval(() => {
      for (const open of this.#open.keys()) {
        if (open.headersSent && !open.writableEnded && !open.writableNeedDrain) open.write(': keep-alive\n\n')
      }
    }, this.#options.limits.commentMs)
  }

  #remove(response: ServerResponse): void {
    this.#open.delete(response)
    if (this.#open.size > 0) return
    clearInterval(this.#timer)
    this.#timer = undefined
  }
}

/** Not a generator: one that waits could not be returned from. */
function alone(events: AsyncIterable<StreamedEvent>): AsyncIterable<readonly StreamedEvent[]> {
  const iterator = events[Symbol.asyncIterator]()
  return {
    [Symbol.asyncIterator]: () => ({
      async next() {
        const { done, value } = await iterator.next()
        return done ? { done, value: undefined } : { done: false, value: [value] }
      },
      async return() {
        await iterator.return?.()
        return { done: true, value: undefined }
      },
    }),
  }
}

/** The usual reason would take down where it was made, for each of a thousand readers that leave. */
const gone = new Error('the reader has gone')

const closing = () => unavailable('the server is closing: connect again')

function writeHead(response: ServerResponse, requestId: string): void {
  response.writeHead(200, {
    'content-type': 'text/event-stream; charset=utf-8',
    'cache-control': 'no-cache, no-transform',
    'x-accel-buffering': 'no',
    'request-id': requestId,
    // Its end is the end of the stream, also for those who do not understand chunks.
    connection: 'close',
  })
  response.socket?.setNoDelay(true)
  // The head and a first comment go out at once: from here on nothing is missed.
  response.write(': open\n\n')
}

function drained(response: ServerResponse): Promise<void> {
  return new Promise((resolve) => {
    const done = () => {
      response.off('drain', done).off('close', done)
      resolve()
    }
    response.on('drain', done).on('close', done)
    if (response.destroyed) done()
  })
}
