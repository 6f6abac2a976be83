import { once } from 'node:events'
import { type AddressInfo, connect, createServer, type Socket } from 'node:net'

/** A TCP connection that can be made to hang and to break: what stands between the product and its Temporal server. */
export interface Link {
  address: string
  /** From now on nothing passes, in either direction; new connections are taken and hang too. */
  stall(): void
  resume(): void
  /** Breaks every connection. */
  reset(): void
  close(): Promise<void>
}

/** @param target `HOST:PORT` */
export async function openLink(target: string): Promise<Link> {
  const [host = '', port = ''] = target.split(':')
  const sockets = new Set<Socket>()
  let stalled = false

  const server = createServer((near) => {
    const far = connect({ host, port: Number(port) })
    for (const [from, to] of [
      [near, far],
      [far, near],
    ] as const) {
      sockets.add(from)
      from.setNoDelay(true)
      from.on('error', () => {})
      from.on('data', (chunk) => {
        if (!to.write(chunk)) from.pause()
      })
      to.on('drain', () => stalled || from.resume())
      from.on('close', () => {
        sockets.delete(from)
        to.destroy()
      })
      if (stalled) from.pause()
    }
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return {
    address: `127.0.0.1:${(server.address() as AddressInfo).port}`,
    stall() {
      stalled = true
      for (const socket of sockets) socket.pause()
    },
    resume() {
      stalled = false
      for (const socket of sockets) socket.resume()
    },
    reset() {
      for (const socket of sockets) socket.resetAndDestroy()
    },
    async close() {
      server.close()
      for (const socket of sockets) socket.destroy()
      await once(server, 'close')
    },
  }
}
