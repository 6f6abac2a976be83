import { loadConfig } from '../worker/config/load-config.ts'
import { connectHoldfast } from '../worker/open-holdfast.ts'
import { checkAddress } from './check-address.ts'
import { checkBlobs } from './check-blobs.ts'
import { configuredTemporal } from './configured-temporal.ts'
import { startApi } from './host-parts.ts'
import { openBus } from './open-bus.ts'
import { untilTold } from './until-told.ts'

export interface ServerFlags {
  host?: string
  port?: number
  data?: string
}

/**
 * `holdfast server`: the HTTP API without workers. As many as one likes may serve the same records. What workers elsewhere
 * write arrives here word by word when the records are in PostgreSQL; otherwise messages come whole.
 * @returns the exit code
 */
export async function server({ host, port, data }: ServerFlags): Promise<number> {
  const log = (line: string) => console.error(`holdfast: ${line}`)
  const until = untilTold(log)
  const config = await loadConfig({
    overrides: {
      ...(data !== undefined && { data }),
      server: { ...(host !== undefined && { host }), ...(port !== undefined && { port }) },
    },
  })
  await checkAddress(config.server, config.secrets.apiKeys)
  await checkBlobs(config, log)
  const connection = await configuredTemporal(config, 'server')
  log(`data in ${config.data}, Temporal at ${connection.address}, namespace ${config.temporal.namespace}`)
  const running = await until.started(async () => {
    await using started = new AsyncDisposableStack()
    const parts = { config, connection, log }
    const holdfast = await connectHoldfast(parts, await openBus(config, started))
    started.defer(() => holdfast.close())
    const { url } = started.use(await startApi(parts, holdfast))
    const up = started.move()
    return { url, stop: () => up.disposeAsync(), kill() {} }
  })
  console.log(`listening on ${running.url}`)
  return until.stopped
}
