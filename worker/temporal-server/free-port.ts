import { createServer } from 'node:net'

/** A port of the loopback interface that nobody listens on. Somebody else may take it before its first use. */
export function freePort(): Promise<number> {
  return probe(0)
}

/** @throws the system's error, such as EADDRINUSE, when the port cannot be listened on */
export async function checkPort(port: number, host = '127.0.0.1'): Promise<void> {
  await probe(port, host)
}

function probe(port: number, host = '127.0.0.1'): Promise<number> {
  const { promise, resolve, reject } = Promise.withResolvers<number>()
  const server = createServer()
  server.once('error', reject)
  server.listen(port, host, () => {
    const address = server.address()
    server.close(() => resolve(typeof address === 'object' && address ? address.port : port))
  })
  return promise
}
