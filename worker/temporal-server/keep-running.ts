import { once } from 'node:events'
import { setTimeout as sleep } from 'node:timers/promises'
import { RestartPace } from '../restart-pace.ts'
import { type StartTemporalOptions, startTemporal, type TemporalServer } from './start.ts'
import { type Stuck, untilStuck } from './until-stuck.ts'

export interface KeptTemporal {
  address: string
  uiUrl?: string
  /** Id of the process that runs now. */
  readonly pid: number
  /** Stops the server and no longer replaces it. */
  stop(): Promise<void>
  /** Ends it at once, which loses nothing. */
  kill(): void
}

const stuck: Record<Stuck, string> = {
  interrupted: 'the Temporal server is stuck: its database answers everything with "interrupted"',
  silent: 'the Temporal server is stuck: it has not answered a health check for half a minute',
}

/**
 * Starts the Temporal server and starts it again on the same data and ports whenever it ends or is stuck: whoever is
 * connected sees a gap of half a second, of some seconds when it was stuck, which the SDK's own retries bridge.
 * @param whenStuck resolves with how the server is stuck once it is, with undefined when the signal aborts
 */
export async function keepTemporalRunning(
  options: StartTemporalOptions,
  log: (line: string) => void,
  whenStuck: (address: string, namespace: string, signal: AbortSignal) => Promise<Stuck | undefined> = untilStuck,
): Promise<KeptTemporal> {
  const stopping = new AbortController()
  const stopped = once(stopping.signal, 'abort')
  const pace = new RestartPace()
  let server = await startTemporal(options)
  let since = performance.now()
  const { address, uiUrl } = server
  const again: StartTemporalOptions = {
    ...options,
    port: Number(address.split(':')[1]),
    ...(uiUrl && { uiPort: Number(new URL(uiUrl).port) }),
  }

  const watch = async () => {
    for (;;) {
      killOnceStuck(server)
      const ended = await Promise.race([server.exited, stopped.then(() => undefined)])
      if (!ended) return server.stop()
      log(`the Temporal server ended (${ended.signal ?? `code ${ended.code}`}); starting it again on its data`)
      const successor = await restart()
      if (!successor) return
      server = successor
      since = performance.now()
    }
  }
  const killOnceStuck = async (watched: TemporalServer) => {
    const over = new AbortController()
    watched.exited.then(() => over.abort())
    const signal = AbortSignal.any([over.signal, stopping.signal])
    const how = await whenStuck(address, options.namespace ?? 'default', signal)
    if (!how) return
    log(stuck[how])
    watched.kill()
  }
  const restart = async (): Promise<TemporalServer | undefined> => {
    for (let worked: number | undefined = since; !stopping.signal.aborted; worked = undefined) {
      try {
        await sleep(pace.delay(performance.now(), worked), undefined, { signal: stopping.signal })
        return await startTemporal(again)
      } catch (error) {
        if (!stopping.signal.aborted) log((error as Error).message)
      }
    }
    return undefined
  }
  const watching = watch()

  return {
    address,
    ...(uiUrl && { uiUrl }),
    get pid() {
      return server.pid
    },
    async stop() {
      stopping.abort()
      await watching
    },
    kill() {
      stopping.abort()
      server.kill()
    },
  }
}
