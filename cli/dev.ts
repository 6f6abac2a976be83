import { selectContainerProvider } from '../activities/container/select.ts'
import { type Config, loadConfig } from '../worker/config/load-config.ts'
import { startLocalHost } from './local-host.ts'
import { untilTold } from './until-told.ts'

export interface DevOptions {
  host?: string
  port?: number
  data?: string
}

/**
 * `holdfast dev`: runs until it is told to stop.
 * @returns the exit code
 */
export async function dev({ host, port, data }: DevOptions): Promise<number> {
  const log = (line: string) => console.error(`holdfast: ${line}`)
  const until = untilTold(log)
  const config = await loadConfig({
    overrides: {
      ...(data !== undefined && { data }),
      server: { ...(host !== undefined && { host }), ...(port !== undefined && { port }) },
    },
  })
  log(`data in ${config.data}${config.file ? `, settings from ${config.file}` : ''}`)
  const running = await until.started(() => startLocalHost(config, { log }))
  const { temporal, url } = running
  log(
    `Temporal at ${temporal.address}, namespace ${temporal.namespace}${temporal.uiUrl ? `, web UI at ${temporal.uiUrl}` : ''}`,
  )
  for (const warning of await warnings(config)) log(`warning: ${warning}`)
  console.log(`listening on ${url}`)
  return until.stopped
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
