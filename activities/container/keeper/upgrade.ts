import type { IncomingHttpHeaders, IncomingMessage } from 'node:http'
import type { Socket } from 'node:net'
import { relay } from '../supervisor/relay.ts'
import { begin, checkStatus, endToEnd, failing, type Onward, silenceMs } from './exchange.ts'

/** The one protocol to which connections are changed: others are asked for by habit, and go on without. */
export const isWebSocket = ({ headers }: Pick<IncomingMessage, 'headers'>) =>
  headers.upgrade?.toLowerCase() === 'websocket'

/**
 * Passes on a request to make a connection a web socket, and joins both ends when the server agrees. What is said then is
 * left alone. Rejects when the server cannot be reached; resolves when there is an answer, whatever it is.
 */
export async function upgrade(
  request: IncomingMessage,
  inside: Socket,
  head: Buffer,
  onward: Omit<Onward, 'body' | 'agent'>,
): Promise<void> {
  const { answered = (headers: IncomingHttpHeaders) => headers, through } = onward
  const headers = { ...onward.headers, connection: 'Upgrade', upgrade: 'websocket' }
  const outgoing = begin(request, { ...onward, headers })
  const leave = () => outgoing.destroy(new Error('the container has gone'))
  inside.once('close', leave)
  await new Promise<void>((resolve, reject) => {
    outgoing.on('error', reject)
    outgoing.on(
      'upgrade',
      failing(reject, (answer, outside: Socket, first) => {
        inside.off('close', leave)
        outside.setTimeout(silenceMs, () => outside.destroy())
        if (head.length > 0) inside.unshift(head)
        if (first.length > 0) outside.unshift(first)
        const joined = { ...answered(endToEnd(answer.headers)), connection: 'Upgrade', upgrade: answer.headers.upgrade }
        inside.write(headOf(answer, joined), 'latin1')
        relay(inside, outside)
        resolve()
      }),
    )
    outgoing.on(
      'response',
      failing(reject, (answer) => {
        checkStatus(answer)
        const own = answered(endToEnd(answer.headers))
        const change = through?.(own)
        const { 'content-length': _, ...rest } = own
        // It ends where the connection does.
        inside.write(headOf(answer, { ...rest, connection: 'close' }), 'latin1')
        answer.on('error', () => inside.destroy())
        if (change) answer.pipe(change).pipe(inside)
        else answer.pipe(inside)
        resolve()
      }),
    )
    outgoing.end()
  })
}

function headOf({ statusCode, statusMessage }: IncomingMessage, headers: IncomingHttpHeaders): string {
  const lines = Object.entries(headers).flatMap(([name, value]) => [value ?? []].flat().map((one) => `${name}: ${one}`))
  return `HTTP/1.1 ${statusCode} ${statusMessage}\r\n${lines.join('\r\n')}\r\n\r\n`
}
