import { selectContainerProvider } from '../activities/container/select.ts'
import { type Config, loadConfig } from '../worker/config/load-config.ts'
import { type LocalHost, startLocalHost } from './local-host.ts'

export interface DevOptions {
  host?: string
  port?: number
  data?: string
}

/**
 * `holdfast dev`: runs until it is told to stop. The first Ctrl-C (or SIGTERM) stops in order, a second one at once.
 * @returns the exit code
 */
export async function dev({ host, port, data }: DevOptions): Promise<number> {
  const log = (line: string) => console.error(`holdfast: ${line}`)
  let running: LocalHost | undefined
  let asked = 0
  const stopped = Promise.withResolvers<number>()
  const stop = () => {
    asked++
    // Before everything is up there is nothing to finish: the children go with this process.
    if (!running || asked > 1) {
      running?.kill()
      process.exit(130)
    }
    log('stopping; once more to stop at once')
    running.stop().then(() => stopped.resolve(0), stopped.reject)
  }
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, stop)

  const config = await loadConfig({
    overrides: {
      ...(data !== undefined && { data }),
      server: { ...(host !== undefined && { host }), ...(port !== undefined && { port }) },
    },
  })
  log(`data in ${config.data}${config.file ? `, settings from ${config.file}` : ''}`)
  running = await startLocalHost(config, { log })
  const { temporal, url } = running
  log(
    `Temporal at ${temporal.address}, namespace ${temporal.namespace}${temporal.uiUrl ? `, web UI at ${temporal.uiUrl}` : ''}`,
  )
  for (const warning of await warnings(config)) log(`warning: ${warning}`)
  console.log(`listening on ${url}`)
  return stopped.promise
}

/** What does not work here and does not keep the API from working. */
async function warnings({ container, data, secrets, model }: Config): Promise<string[]> {
  const found: string[] = []
  if (!secrets.hasModelKey) {
    found.push(`no key for the model at ${model.baseURL ?? "Anthropic's API"}: export ANTHROPIC_API_KEY=...`)
  }
  try {
    await (await selectContainerProvider({ provider: container.provider, dataDir: data })).close()
  } catch (error) {
    found.push(`tools cannot run: ${(error as Error).message}`)
  }
  return found
}
