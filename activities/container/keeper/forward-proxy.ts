import http, { type IncomingMessage, type ServerResponse } from 'node:http'
import { connect, type Socket } from 'node:net'
import type { AddressPolicy } from '../../egress/address-policy.ts'
import { isAllowedHost } from '../../egress/session-egress.ts'
import type { EgressPolicy } from '../provider.ts'
import { endToEnd } from './route-request.ts'

/** Milliseconds without a byte in either direction. */
const silenceMs = 5 * 60_000
/** Milliseconds for a server to take the connection. */
const patienceMs = 30_000

/** Why a request of the container is not passed on. */
export class Denied extends Error {
  override readonly name = 'Denied'
}

/** @throws Denied when the environment does not let the container there */
export function checkHost(host: string, policy: EgressPolicy): void {
  if (isAllowedHost(host, policy)) return
  throw new Denied(`${host} is not among the hosts that this session's environment allows (config.networking)`)
}

/** Passes on a plain HTTP request that names its whole URL, as clients of a proxy send it. */
export async function forward(
  request: IncomingMessage,
  response: ServerResponse,
  policy: EgressPolicy,
  addresses: AddressPolicy,
): Promise<void> {
  const target = new URL(request.url!)
  if (target.protocol !== 'http:') throw new Denied('only http: is passed on; for https: use CONNECT')
  checkHost(target.hostname, policy)
  const { address, family } = await addresses.resolve(target.hostname)
  const outgoing = http.request(target, {
    method: request.method,
    headers: { ...endToEnd(request.headers), host: target.host },
    agent: false,
    timeout: silenceMs,
    // What was checked is what is dialled.
    lookup: (_host, { all }, done) => (all ? done(null, [{ address, family }]) : done(null, address, family)),
  })
  await new Promise<void>((resolve, reject) => {
    outgoing.on('timeout', () => outgoing.destroy(new Error('the server was silent for too long')))
    outgoing.on('error', reject)
    response.on('close', () => {
      outgoing.destroy()
      resolve()
    })
    outgoing.on('response', (answer) => {
      response.writeHead(answer.statusCode ?? 502, endToEnd(answer.headers))
      answer.on('error', () => response.destroy())
      answer.pipe(response)
    })
    request.on('error', () => outgoing.destroy())
    request.pipe(outgoing)
  })
}

/** Answers CONNECT: a tunnel to one address, whose bytes nobody looks at. */
export async function tunnel(
  request: IncomingMessage,
  inside: Socket,
  head: Buffer,
  policy: EgressPolicy,
  addresses: AddressPolicy,
): Promise<void> {
  const target = URL.parse(`http://${request.url}`)
  // The port stands there always, also the usual one, which URL leaves out.
  const port = Number(/:(\d{1,5})$/.exec(request.url ?? '')?.[1])
  if (!target || !port || port > 65_535) throw new Denied(`${request.url} is no host with a port`)
  checkHost(target.hostname, policy)
  const { address } = await addresses.resolve(target.hostname)
  const outside = connect({ host: address, port, allowHalfOpen: true, timeout: patienceMs })
  await new Promise<void>((resolve, reject) => {
    outside.once('connect', resolve)
    outside.once('error', reject)
    outside.once('timeout', () => outside.destroy(new Error('the server does not answer')))
    inside.once('close', () => outside.destroy())
  })
  outside.removeAllListeners('timeout')
  for (const [one, other] of [
    [inside, outside],
    [outside, inside],
  ] as const) {
    one.setTimeout(silenceMs, () => one.destroy())
    one.on('error', () => other.destroy())
    one.on('close', () => other.destroy())
  }
  inside.write('HTTP/1.1 200 Connection Established\r\n\r\n')
  if (head.length > 0) outside.write(head)
  inside.pipe(outside)
  outside.pipe(inside)
}
