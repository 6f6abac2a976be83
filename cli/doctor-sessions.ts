import type { Connection } from '@temporalio/client'
import { connectForReading } from '../client/connection.ts'
import { HoldfastCodec } from '../log/payload-codec.ts'
import { openBlobs } from '../store/file-blobs.ts'
import { type Config, loadConfig } from '../worker/config/load-config.ts'
import { connectionOptions } from '../worker/config/temporal-connection.ts'
import { runningHost } from '../worker/running-host.ts'
import { Polls, readSessionFacts, sessionIds } from './read-session-facts.ts'
import { type Trouble, troublesOf } from './session-health.ts'

export interface DoctorSessionsOptions {
  data?: string
  json?: boolean
  /** How long nothing may be heard of work that is under way, milliseconds. @default 60000 */
  boundMs?: number
  env?: NodeJS.ProcessEnv
  /** Root of the project. @default process.cwd() */
  cwd?: string
  /** @default console.log */
  print?: (text: string) => void
}

/**
 * `holdfast doctor --sessions`: the sessions that do not get on, and why. Reads what Temporal knows; changes nothing and
 * needs no worker.
 * @returns the exit code: 1 when there is such a session
 * @throws Error when Temporal cannot be reached
 */
export async function doctorSessions(options: DoctorSessionsOptions = {}): Promise<number> {
  const { json = false, boundMs = 60_000, print = console.log, data, ...where } = options
  const config = await loadConfig({ ...where, overrides: { ...(data !== undefined && { data }) } })
  const { connection, namespace } = await reach(config)
  const found: { id: string; status: string; troubles: Trouble[] }[] = []
  let looked = 0
  try {
    const { encryptionKey } = config.secrets
    const codec = new HoldfastCodec({
      blobs: await openBlobs(config.blobs),
      ...(encryptionKey && { key: encryptionKey }),
    })
    const source = { connection, namespace, codec }
    const polls = new Polls(source)
    for await (const id of sessionIds(source)) {
      const facts = await readSessionFacts(source, id, polls)
      if (!facts) continue
      looked++
      const troubles = troublesOf(facts, Date.now(), boundMs)
      if (troubles.length > 0) found.push({ id, status: facts.status, troubles })
    }
  } finally {
    await connection.close()
  }
  if (json) print(JSON.stringify({ ok: found.length === 0, looked, sessions: found }, null, 2))
  else print([...found.map(show), `${found.length} of ${looked} sessions do not get on.`].join('\n'))
  return found.length === 0 ? 0 : 1
}

function show({ id, status, troubles }: { id: string; status: string; troubles: Trouble[] }): string {
  return [`${id}  ${status}`, ...troubles.map(({ why, fix }) => `      ${why}\n      -> ${fix}`), ''].join('\n')
}

/** The configured server, or the one of the `holdfast dev` that runs on the data folder. */
async function reach({ temporal, data }: Config): Promise<{ connection: Connection; namespace: string }> {
  const running = temporal.connection ? undefined : await runningHost(data)
  const connection = temporal.connection ?? (running && { address: running.temporal.address })
  if (!connection) {
    throw new Error(
      `nothing runs on the data folder ${data}: start \`holdfast dev\`, or export TEMPORAL_ADDRESS=HOST:7233`,
    )
  }
  const namespace = running?.temporal.namespace ?? temporal.namespace
  return { connection: await connectForReading(connectionOptions(connection)), namespace }
}
