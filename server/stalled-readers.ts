import type { Server } from 'node:http'
import type { Socket } from 'node:net'

/** How often a connection must have been looked at in vain. Not one clock: a process that stood still has seen nothing. */
const looks = 4

/**
 * Closes each connection of which nothing is taken for `stalledReaderMs` while something waits to be: of an event stream,
 * a file, a page. What the client sends meanwhile does not count, nor that there is nothing to take.
 */
export function closeStalledReaders(server: Server, stalledReaderMs: number): void {
  const connections = new Map<Socket, { taken: string | undefined; times: number }>()
  server.on('connection', (socket) => {
    connections.set(socket, { taken: undefined, times: 0 })
    socket.once('close', () => connections.delete(socket))
  })
  const timer = setInterval(() => {
    for (const [socket, seen] of connections) {
      const taken = takenOf(socket)
      if (taken === undefined || taken !== seen.taken) connections.set(socket, { taken, times: 0 })
      else if (++seen.times === looks) socket.destroy()
    }
  }, stalledReaderMs / looks)
  timer.unref()
  server.once('close', () => clearInterval(timer))
}

/** How far a reader has come; undefined when it has taken everything. */
function takenOf(socket: Socket): string | undefined {
  if (socket.writableLength === 0) return undefined
  // The socket counts whole writes, of which a page is one. Node's own time-outs look here, too.
  const { _handle: handle } = socket as { _handle?: { writeQueueSize?: number } | null }
  return `${socket.bytesWritten - socket.writableLength} ${handle?.writeQueueSize}`
}
