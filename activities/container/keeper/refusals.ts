import { type ServerResponse, STATUS_CODES } from 'node:http'
import type { Socket } from 'node:net'
import { AddressRefused } from '../../egress/address-policy.ts'
import { Denied } from '../../egress/reach.ts'

const isDenial = (error: unknown) => error instanceof Denied || error instanceof AddressRefused

const reasonOf = (error: unknown) =>
  isDenial(error) ? (error as Error).message : `the server cannot be reached: ${(error as Error).message}`

/** Tells the container why a request was not passed on. */
export function refuse(response: ServerResponse, error: unknown): void {
  refuseWith(response, isDenial(error) ? 403 : 502, reasonOf(error))
}

export function refuseWith(response: ServerResponse, status: number, reason: string): void {
  if (response.headersSent) return void response.destroy()
  response.writeHead(status, { 'content-type': 'text/plain', connection: 'close' }).end(`${reason}\n`)
}

/** Tells the container why it gets no tunnel, or no web socket. */
export function refuseTunnel(socket: Socket, error: unknown): void {
  refuseTunnelWith(socket, isDenial(error) ? 403 : 502, reasonOf(error))
}

export function refuseTunnelWith(socket: Socket, status: number, reason: string): void {
  if (socket.destroyed) return
  const text = `${reason}\n`
  const headers = `content-type: text/plain\r\ncontent-length: ${Buffer.byteLength(text)}\r\nconnection: close`
  socket.end(`HTTP/1.1 ${status} ${STATUS_CODES[status]}\r\n${headers}\r\n\r\n${text}`, () => socket.destroySoon())
}
