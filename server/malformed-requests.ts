import type { ServerResponse } from 'node:http'
import type { Socket } from 'node:net'
import { ApiError, invalidRequest } from '../protocol/errors.ts'
import { newId } from '../protocol/ids.ts'
import { envelope } from './envelope.ts'

/** Answers what is no HTTP, which never becomes a request of the framework. */
export class MalformedRequests {
  /** Answers under way on each connection. */
  readonly #answering = new WeakMap<Socket, number>()

  note(socket: Socket, response: ServerResponse): void {
    this.#answering.set(socket, (this.#answering.get(socket) ?? 0) + 1)
    response.once('close', () => this.#answering.set(socket, (this.#answering.get(socket) ?? 1) - 1))
  }

  answer(error: NodeJS.ErrnoException, socket: Socket): void {
    // Written into another answer it would be taken for a part of that one.
    if (error.code === 'ECONNRESET' || !socket.writable || this.#answering.get(socket)) {
      socket.destroy()
      return
    }
    const { reason, fault } = faultOf(error)
    const id = newId('request')
    const body = JSON.stringify(envelope(fault, id))
    const head = [
      `HTTP/1.1 ${fault.status} ${reason}`,
      'content-type: application/json; charset=utf-8',
      `content-length: ${Buffer.byteLength(body)}`,
      `request-id: ${id}`,
      'connection: close',
    ]
    // An answer to HEAD has no body, whatever else is wrong with the request: it would be taken for the next answer.
    const { rawPacket } = error as { rawPacket?: Buffer }
    const isHead = rawPacket?.subarray(0, 5).toString('latin1') === 'HEAD '
    socket.end(`${head.join('\r\n')}\r\n\r\n${isHead ? '' : body}`, () => socket.destroySoon())
  }
}

function faultOf({ code }: NodeJS.ErrnoException): { reason: string; fault: ApiError } {
  if (code === 'HPE_HEADER_OVERFLOW') {
    const message = 'the headers are longer than 16 KiB'
    return { reason: 'Request Header Fields Too Large', fault: new ApiError(431, 'invalid_request_error', message) }
  }
  if (code === 'ERR_HTTP_REQUEST_TIMEOUT') {
    return { reason: 'Request Timeout', fault: new ApiError(408, 'timeout_error', 'the headers did not come in time') }
  }
  return { reason: 'Bad Request', fault: invalidRequest('this is not an HTTP request') }
}
