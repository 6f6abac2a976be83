import type { Evidence } from './evidence.ts'

/** A strike as it happened. */
export interface Strike {
  fault: string
  moment?: string
  /** The session that was at the moment, or one that was working. */
  session?: string
  /** Sessions that were working. */
  working: string[]
  /** Milliseconds since the epoch. */
  at: number
}

/** What comes without anybody having gone on with the work. */
const idleNews = ['session.status_rescheduled', 'session.error', 'user.message', 'user.interrupt']

/**
 * Milliseconds from a strike to the session's next progress: an event that its reader gets or a request that the model
 * gets. What a command of its own still had to run counts as no delay. Undefined when nothing was left to do.
 */
export function recoveryMs({ at }: Strike, { streams, requests, lines }: Evidence): number | undefined {
  const events = (streams[0] ?? [])
    .filter(({ event }) => event.processed_at && Date.parse(event.processed_at) > at)
    .filter(({ event }) => !idleNews.includes(event.type) && !(event.type.endsWith('request_end') && event.is_error))
    .map((item) => item.at)
  const asked = requests.map((request) => request.at).filter((time) => time > at)
  const first = Math.min(...events, ...asked)
  if (!Number.isFinite(first)) return undefined
  const ends = lines
    .filter((line) => line.includes(' end '))
    .map((line) => Number(line.split(' ')[2]))
    .filter((end) => end > at && end < first)
  return first - Math.max(at, ...ends)
}

/** An outage keeps later strikes from being recovered from for about this long. */
const echoMs = 15_000

/** Whether nothing else was struck that made this recovery longer. */
export function isAlone(strike: Strike, ms: number, all: Strike[], isOutage: (fault: string) => boolean): boolean {
  return all.every(({ at, fault }) => {
    const since = at - strike.at
    return since === 0 || since > ms || since < (isOutage(fault) ? -echoMs : 0)
  })
}

/** The value below which the given part of the values lies. */
export function quantile(values: number[], part: number): number {
  const sorted = values.toSorted((a, b) => a - b)
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * part))] ?? Number.NaN
}
