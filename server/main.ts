import type { AddressInfo } from 'node:net'
import type { HoldfastApi } from '../client/api.ts'
import type { RateLimits } from './admission.ts'
import { createApp } from './app.ts'
import { defaultLimits, type ServerLimits } from './limits.ts'
import type { ServerLog } from './server-log.ts'

export interface ServerOptions {
  api: HoldfastApi
  /** Keys that are accepted. Without any nobody is asked for one. */
  apiKeys?: readonly string[]
  /** @default '127.0.0.1' */
  host?: string
  /** 0 takes a free one. @default 0 */
  port?: number
  /** Gets a line for each fault of the server. @default to standard error */
  log?: ServerLog
  limits?: Partial<ServerLimits>
  /** Bounds of what is let in. @default none */
  rates?: RateLimits
}

export interface HttpServer {
  url: string
  /** Accepts nothing new, ends event streams, and gives requests under way `closeMs` to end. */
  close(): Promise<void>
}

/** Starts the HTTP API. It translates requests into calls of the library and back, nothing else. */
export async function startServer(options: ServerOptions): Promise<HttpServer> {
  const { api, apiKeys = [], host = '127.0.0.1', port = 0, log = (line) => console.error(line) } = options
  const limits = { ...defaultLimits, ...options.limits }
  const app = createApp({ api, apiKeys, limits, log, ...(options.rates && { rates: options.rates }) })
  await app.listen({ host, port })
  const address = app.server.address() as AddressInfo
  const name = address.family === 'IPv6' ? `[${address.address}]` : address.address
  return {
    url: `http://${name}:${address.port}`,
    async close() {
      const force = setTimeout(() => app.server.closeAllConnections(), limits.closeMs)
      await app.close()
      clearTimeout(force)
    },
  }
}
