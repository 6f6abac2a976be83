import { loadConfig } from '../worker/config/load-config.ts'
import { lockData } from '../worker/data-lock.ts'
import { connectHoldfast } from '../worker/open-holdfast.ts'
import { checkBlobs } from './check-blobs.ts'
import { configuredTemporal } from './configured-temporal.ts'
import { startWorkers } from './host-parts.ts'
import { hostQueue } from './host-queue.ts'
import { openBus } from './open-bus.ts'
import { untilTold } from './until-told.ts'

export interface WorkerFlags {
  data?: string
  processes?: number
}

/**
 * `holdfast worker`: worker processes without the HTTP API. Its containers are its own: it has a task queue beside the
 * shared one for the tools of the sessions that have theirs here.
 * @returns the exit code
 */
export async function worker({ data, processes }: WorkerFlags): Promise<number> {
  const log = (line: string) => console.error(`holdfast: ${line}`)
  const until = untilTold(log)
  const config = await loadConfig({
    overrides: {
      ...(data !== undefined && { data }),
      ...(processes !== undefined && { worker: { processes } }),
    },
  })
  if (!config.secrets.hasModelKey) log('warning: no key for the model: export ANTHROPIC_API_KEY=...')
  await checkBlobs(config, log)
  const connection = await configuredTemporal(config, 'worker')
  const queue = await hostQueue(config)
  await until.started(async () => {
    await using started = new AsyncDisposableStack()
    const lock = await lockData(config.data)
    started.defer(() => lock.release())
    const parts = { config, connection, log }
    const bus = await openBus(config, started)
    const holdfast = await connectHoldfast(parts, bus)
    started.defer(() => holdfast.close())
    const workers = started.use(
      await startWorkers(parts, holdfast, { bus, env: process.env, overrides: { hostQueue: queue } }),
    )
    const up = started.move()
    return { stop: () => up.disposeAsync(), kill: () => workers.kill() }
  })
  log(`data in ${config.data}, Temporal at ${connection.address}, namespace ${config.temporal.namespace}`)
  console.log(`working on task queue ${config.temporal.taskQueue}`)
  return until.stopped
}
