import type { AddressInfo } from 'node:net'
import type { HoldfastApi } from '../client/api.ts'
import { createApp, type ServerLog } from './app.ts'
import { EventStreams } from './event-streams.ts'

export interface ServerOptions {
  api: HoldfastApi
  /** Keys that are accepted. Without any nobody is asked for one. */
  apiKeys?: string[]
  /** @default '127.0.0.1' */
  host?: string
  /** 0 takes a free one. @default 0 */
  port?: number
  log?: ServerLog
}

export interface HttpServer {
  url: string
  close(): Promise<void>
}

/** Starts the HTTP API. It translates requests into calls of the library and back, nothing else. */
export async function startServer({ api, apiKeys = [], host = '127.0.0.1', port = 0, log }: ServerOptions): Promise<HttpServer> {
  const streams = new EventStreams()
  const app = createApp({ api, apiKeys, streams, log: log ?? ((line) => console.error(line)) })
  await app.listen({ host, port })
  const address = app.server.address() as AddressInfo
  const name = address.family === 'IPv6' ? `[${address.address}]` : address.address
  return {
    url: `http://${name}:${address.port}`,
    async close() {
      streams.end()
      const force = setTimeout(() => app.server.closeAllConnections(), 2000)
      await app.close()
      clearTimeout(force)
    },
  }
}
