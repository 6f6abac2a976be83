import type { ServerResponse } from 'node:http'
import type { FastifyReply, FastifyRequest } from 'fastify'
import type { StreamedEvent } from '../client/api.ts'
import { envelope, toApiError } from './envelope.ts'

/** Bytes that may wait for a reader. One that does not read is let go: it can come back with its cursor. */
const mostWaiting = 16 * 1024 * 1024
const keepAliveMs = 8000

/**
 * Serves event streams (SSE). Every event is named `message`, the one name that all decoders of the official SDKs take,
 * also older ones that do not know newer types; its id is its place in the log, its data one line of JSON.
 * Source: spec §8.3, design §3.
 */
export class EventStreams {
  readonly #open = new Map<ServerResponse, AbortController>()
  #timer: NodeJS.Timeout | undefined

  /** Opens a stream and sends its head once `open` has resolved; before that errors are answered as usual. */
  async serve(
    request: FastifyRequest,
    reply: FastifyReply,
    open: (signal: AbortSignal) => Promise<AsyncIterable<StreamedEvent>>,
  ): Promise<void> {
    const closing = new AbortController()
    const response = reply.raw
    response.on('close', () => closing.abort())
    const events = await open(closing.signal)
    reply.hijack()
    response.writeHead(200, {
      'content-type': 'text/event-stream; charset=utf-8',
      'cache-control': 'no-cache, no-transform',
      'x-accel-buffering': 'no',
      'request-id': request.id,
    })
    response.socket?.setNoDelay(true)
    // The head and a first comment go out at once: from here on nothing is missed.
    response.write(': open\n\n')
    this.#add(response, closing)
    try {
      for await (const { cursor, event } of events) {
        if (response.destroyed) break
        const id = cursor === undefined ? '' : `id: ${cursor}\n`
        response.write(`event: message\n${id}data: ${JSON.stringify(event)}\n\n`)
        if (response.writableLength > mostWaiting) response.destroy()
      }
    } catch (error) {
      const body = envelope(toApiError(error as Error), request.id)
      if (!response.destroyed) response.write(`event: error\ndata: ${JSON.stringify(body)}\n\n`)
    } finally {
      this.#remove(response)
      response.end()
    }
  }

  /** Ends every stream; readers come back when the server does. */
  end(): void {
    for (const closing of this.#open.values()) closing.abort()
  }

  #add(response: ServerResponse, closing: AbortController): void {
    this.#open.set(response, closing)
    // One timer for all: a thousand readers cost one wake-up.
    this.#timer ??= setInterval(() => {
      for (const open of this.#open.keys()) open.write(': keep-alive\n\n')
    }, keepAliveMs)
  }

  #remove(response: ServerResponse): void {
    this.#open.delete(response)
    if (this.#open.size > 0) return
    clearInterval(this.#timer)
    this.#timer = undefined
  }
}
