import type { SegmentFault } from '../log/session-log.ts'
import { SessionLogs } from '../log/session-logs.ts'
import { type Histories, type HistoriesOptions, openHistories } from './open-histories.ts'
import { sessionIds } from './read-session-facts.ts'

export interface DoctorLogsOptions extends HistoriesOptions {
  json?: boolean
  /** @default console.log */
  print?: (text: string) => void
}

/**
 * `holdfast doctor --logs`: reads every sealed segment of every session and checks it. One that is damaged or missing is
 * written again from Temporal's history, as long as that has the run: until its retention is over.
 * @returns the exit code: 1 when something is lost
 * @throws Error when Temporal cannot be reached
 */
export async function doctorLogs(options: DoctorLogsOptions = {}): Promise<number> {
  const { json = false, print = console.log, ...where } = options
  const histories = await openHistories(where)
  const logs = new SessionLogs(histories, histories.blobs, { lingerMs: 0 })
  const faults: (SegmentFault & { session: string })[] = []
  let looked = 0
  try {
    for (const session of await everySession(histories)) {
      looked++
      for await (const fault of logs.get(session).verify()) faults.push({ session, ...fault })
    }
  } finally {
    await logs.close()
  }
  const lost = faults.filter(({ outcome }) => outcome === 'lost').length
  if (json) print(JSON.stringify({ ok: lost === 0, looked, faults }, null, 2))
  else {
    const repaired = faults.length - lost
    const sum = `${looked} sessions: ${repaired} segments written again, ${lost} lost.`
    print([...faults.map(({ why, outcome }) => `${why}: ${says[outcome]}`), sum].join('\n'))
  }
  return lost === 0 ? 0 : 1
}

const says = {
  repaired: "written again from Temporal's history",
  lost: 'Temporal does not have it any more; restore the blobs from a backup',
}

/** Those that Temporal has, and those of which only the blobs know. */
async function everySession(histories: Histories): Promise<Set<string>> {
  const found = new Set<string>()
  for await (const id of sessionIds(histories, 'all')) found.add(id)
  for await (const key of histories.blobs.list('sessions/')) {
    const [, id, what] = key.split('/')
    if (what === 'segments') found.add(id!)
  }
  return found
}
