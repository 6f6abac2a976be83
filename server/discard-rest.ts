import type { IncomingMessage } from 'node:http'

/**
 * Reads on what is left of a body that is answered already, for a while. To close at once would reset the connection,
 * and a client that still writes would see that instead of the answer.
 */
export function discardRest(request: IncomingMessage, forMs: number): void {
  if (request.complete || request.destroyed) return
  const timer = setTimeout(() => request.destroy(), forMs)
  request.once('close', () => clearTimeout(timer))
  request.once('end', () => clearTimeout(timer))
  request.resume()
}
