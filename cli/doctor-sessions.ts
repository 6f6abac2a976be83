import { type HistoriesOptions, openHistories } from './open-histories.ts'
import { Polls, readSessionFacts, sessionIds } from './read-session-facts.ts'
import { type Trouble, troublesOf } from './session-health.ts'

export interface DoctorSessionsOptions extends HistoriesOptions {
  json?: boolean
  /** How long nothing may be heard of work that is under way, milliseconds. @default 60000 */
  boundMs?: number
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
  const { json = false, boundMs = 60_000, print = console.log, ...where } = options
  const source = await openHistories(where)
  const found: { id: string; status: string; troubles: Trouble[] }[] = []
  let looked = 0
  try {
    const polls = new Polls(source)
    for await (const id of sessionIds(source, 'open')) {
      const facts = await readSessionFacts(source, id, polls)
      if (!facts) continue
      looked++
      const troubles = troublesOf(facts, Date.now(), boundMs)
      if (troubles.length > 0) found.push({ id, status: facts.status, troubles })
    }
  } finally {
    await source.connection.close()
  }
  if (json) print(JSON.stringify({ ok: found.length === 0, looked, sessions: found }, null, 2))
  else print([...found.map(show), `${found.length} of ${looked} sessions do not get on.`].join('\n'))
  return found.length === 0 ? 0 : 1
}

function show({ id, status, troubles }: { id: string; status: string; troubles: Trouble[] }): string {
  return [`${id}  ${status}`, ...troubles.map(({ why, fix }) => `      ${why}\n      -> ${fix}`), ''].join('\n')
}
