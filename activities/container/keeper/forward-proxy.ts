import type { IncomingMessage, ServerResponse } from 'node:http'
import { connect, type Socket } from 'node:net'
import { injectionsFor } from '../../egress/inject.ts'
import { Denied, type Destination, type Reached } from '../../egress/reach.ts'
import { relay } from '../supervisor/relay.ts'
import { endToEnd, exchange, silenceMs } from './exchange.ts'
import { injected } from './injected-request.ts'
import type { Interceptor } from './intercept.ts'
import type { OpenWays } from './open-ways.ts'

/** Milliseconds for a server to take the connection. */
const patienceMs = 30_000

/** Passes on a plain HTTP request that names its whole URL, as clients of a proxy send it. */
export async function forward(request: IncomingMessage, response: ServerResponse, ways: OpenWays): Promise<void> {
  const target = new URL(request.url!)
  if (target.protocol !== 'http:') throw new Denied('only http: is passed on; for https: use CONNECT')
  const port = Number(target.port || 80)
  const reached = await ways.reach({ host: target.hostname, port })
  ways.hold(reached, response)
  // In clear text secrets go to nobody but whom the operator has opened a private network to.
  const injections = reached.isPrivate ? injectionsFor(reached.host, ways.policy.injections) : []
  await exchange(request, response, {
    protocol: 'http:',
    hostname: target.hostname,
    port,
    path: target.pathname + target.search,
    address: reached,
    ...(await injected(request, { ...endToEnd(request.headers), host: target.host }, injections)),
  })
}

/** Answers CONNECT: a tunnel to one address, whose bytes nobody looks at unless the host may get a secret. */
export async function tunnel(
  request: IncomingMessage,
  inside: Socket,
  head: Buffer,
  ways: OpenWays,
  interceptor: Interceptor | undefined,
): Promise<void> {
  const to = await ways.reach(destinationOf(request.url ?? ''))
  ways.hold(to, inside)
  inside.setTimeout(silenceMs, () => inside.destroy())
  if (head.length > 0) inside.unshift(head)
  const established = () => inside.write('HTTP/1.1 200 Connection Established\r\n\r\n')
  if (!interceptor || injectionsFor(to.host, ways.policy.injections).length === 0) {
    const outside = await dial(to, inside)
    established()
    return relay(inside, outside)
  }
  established()
  if ((await interceptor.take(inside, to)) || inside.destroyed) return
  // Too late for an answer of HTTP.
  const outside = await dial(to, inside).catch(() => inside.destroy())
  if (outside !== inside) relay(inside, outside)
}

function destinationOf(authority: string): Destination {
  const [, host, port] = /^(\[[0-9a-f:.]+\]|[^\s:/?#@[\]\\%]+):(\d{1,5})$/i.exec(authority) ?? []
  // As other URLs have it: what stands for an address becomes one, letters become small.
  const name = URL.parse(`http://${host}`)?.hostname
  if (!name || !Number(port) || Number(port) > 65_535) throw new Denied(`${authority} is no host with a port`)
  return { host: name, port: Number(port) }
}

async function dial({ address, port }: Reached, inside: Socket): Promise<Socket> {
  const outside = connect({ host: address, port, allowHalfOpen: true, timeout: patienceMs })
  const leave = () => outside.destroy(new Error('the container has gone'))
  inside.once('close', leave)
  try {
    await new Promise<void>((resolve, reject) => {
      outside.once('connect', resolve)
      outside.once('error', reject)
      outside.once('timeout', () => outside.destroy(new Error('the server does not answer')))
    })
  } finally {
    inside.off('close', leave)
  }
  outside.removeAllListeners('error')
  outside.removeAllListeners('timeout')
  outside.setTimeout(silenceMs, () => outside.destroy())
  return outside
}
