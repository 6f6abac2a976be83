import { existsSync } from 'node:fs'
import { connect, createServer } from 'node:net'
import { relay } from './relay.ts'

const socket = '/run/holdfast/gateway/gateway.sock'
const port = 3128

/** Makes the gateway outside reachable at a port of the container's own, where programs look for a proxy. */
export function startBridge(): void {
  if (!existsSync(socket)) return
  const server = createServer({ allowHalfOpen: true }, (inside) => {
    relay(inside, connect({ path: socket, allowHalfOpen: true }))
  })
  // Somebody inside may have taken the port while the supervisor was away.
  server.on('error', () => setTimeout(listen, 1000).unref())
  const listen = () => server.listen(port, '127.0.0.1')
  listen()
}
