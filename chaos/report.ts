import os from 'node:os'
import type { Outcome } from './campaign.ts'
import { type FindingKind, kinds } from './check/finding.ts'
import { faults } from './faults.ts'
import { isAlone, quantile, recoveryMs, type Strike } from './recovery.ts'

/** What the campaign found, for a person to read. */
export function report(outcome: Outcome, seed: number): string {
  const { sessions, strikes, seconds, impossible } = outcome
  const turns = sessions.reduce((sum, { evidence }) => sum + evidence.accepted.filter(({ mark }) => mark).length, 0)
  const events = sessions.reduce((sum, { evidence }) => sum + evidence.listed.length, 0)
  const calls = sessions.reduce((sum, { evidence }) => sum + evidence.listed.filter(isToolUse).length, 0)
  const machine = `${os.cpus().length} cores, ${os.cpus()[0]?.model.trim()}, Node ${process.version}`
  const lines = [
    '',
    `seed ${seed}: ${strikes.length} strikes in ${seconds.toFixed(0)} s on ${sessions.length} sessions with ${turns} messages, ${calls} tool calls, ${events} events; ${outcome.repeated} requests repeated`,
    `${new Date().toISOString().slice(0, 10)}, ${machine}`,
    ...(impossible.length > 0 ? [`found nothing to strike: ${[...new Set(impossible)].join(', ')}`] : []),
    '',
    `${row('from strike to next progress', 'count', 'all p50 / p95', 'alone p50 / p95', 'aim')}   slowest`,
    ...recoveries(outcome),
    '',
    ...Object.entries(kinds).map(
      ([kind, meaning]) => `${row(kind, String(count(outcome, kind as FindingKind)))}   ${meaning}`,
    ),
  ]
  if (outcome.folder) lines.push('', `data and logs: ${outcome.folder}`)
  for (const { evidence, findings } of sessions) {
    for (const { kind, text } of findings) lines.push('', `${kind}: session ${evidence.name} ${evidence.id}: ${text}`)
  }
  return lines.join('\n')
}

export const isWell = ({ sessions }: Outcome) =>
  sessions.length > 0 && sessions.every(({ findings }) => findings.length === 0)

const isToolUse = ({ type }: { type: string }) => type.endsWith('tool_use')

const count = ({ sessions }: Outcome, wanted: FindingKind) =>
  sessions.flatMap(({ findings }) => findings).filter(({ kind }) => kind === wanted).length

interface Recovery {
  ms: number
  session: string
  strike: Strike
}

function recoveries(outcome: Outcome): string[] {
  const evidence = new Map(outcome.sessions.map((session) => [session.evidence.name, session.evidence]))
  const of = (strike: Strike, names: string[]): Recovery[] =>
    names.flatMap((session) => {
      const seen = evidence.get(session)
      const ms = seen && recoveryMs(strike, seen)
      return ms === undefined ? [] : [{ ms, session, strike }]
    })
  return Object.entries(faults).flatMap(([name, { aim, unseen }]) => {
    const strikes = outcome.strikes.filter(({ fault }) => fault === name)
    if (strikes.length === 0) return []
    const found = strikes.flatMap((strike) => {
      // Which session was at work in it is not seen from outside: the slowest is.
      if (unseen) return of(strike, strike.working).toSorted(slowestFirst).slice(0, 1)
      return of(strike, strike.session ? [strike.session] : [])
    })
    const times = found.map(({ ms }) => ms)
    const alone = found
      .filter(({ ms, strike }) => isAlone(strike, ms, outcome.strikes, (fault) => faults[fault]!.outage === true))
      .map(({ ms }) => ms)
    const seconds = (ms: number) => (Number.isNaN(ms) ? '' : `${(ms / 1000).toFixed(2)} s`)
    const wanted = aim ? `${aim.p50 / 1000} s / ${aim.p95 / 1000} s` : ''
    const [slowest] = found.toSorted(slowestFirst)
    const where = slowest ? `${slowest.session} ${new Date(slowest.strike.at).toISOString().slice(11, 23)}` : ''
    const figures = [times, alone].map(
      (values) => `${seconds(quantile(values, 0.5))} ${seconds(quantile(values, 0.95)).padStart(9)}`,
    )
    return [`${row(name, String(strikes.length), ...figures, wanted)}   ${where}`]
  })
}

const slowestFirst = (a: Recovery, b: Recovery) => b.ms - a.ms

function row(name: string, ...columns: string[]): string {
  return `${name.padEnd(30)}${columns.map((column) => column.padStart(20)).join('')}`
}
